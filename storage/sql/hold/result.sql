-- [tenant] What the work of a keyed hold gave that was paid for. No row: there is no such hold.
-- $1 hold id uuid
-- -> body or null when it was not kept, free bool, charged micro-USD, given_up bool (nobody knows what
--      it gave: it was charged for what it had noted last)
SELECT r.body, h.free, coalesce(h.settled, 0) + coalesce(late.settled, 0) AS charged,
  r.body IS NULL AND h.status = 'S' AND EXISTS (
    SELECT FROM request_log g WHERE g.platform_id = h.platform_id AND g.hold_id = h.id
      AND g.status IN ('expired', 'interrupted')) AS given_up
FROM hold h
LEFT JOIN hold_result r ON r.platform_id = h.platform_id AND r.hold_id = h.id
LEFT JOIN hold late ON late.platform_id = h.platform_id AND late.id = md5('late/' || h.id)::uuid
WHERE h.id = $1::uuid AND h.platform_id = tenant()
