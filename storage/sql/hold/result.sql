-- [tenant] What the work of a settled keyed hold gave. No row: it was not kept.
-- $1 hold id uuid
-- -> body, free bool, charged micro-USD
SELECT r.body, h.free, coalesce(h.settled, 0) AS charged
FROM hold_result r JOIN hold h ON h.platform_id = r.platform_id AND h.id = r.hold_id
WHERE r.hold_id = $1::uuid AND r.platform_id = tenant()
