-- [system] Takes deliveries that are due, each for the time of a lease; whoever crashes loses them
--   to the next one. No row: nothing is due.
-- $1 limit
-- $2 limit per endpoint
-- $3 endpoints to leave out, as an array literal of uuids
-- $4 claim uuid, fresh
-- $5 lease_ms
-- -> id (endpoint), url, delivery_id, attempts (so far), message_id, body
WITH due AS (
  SELECT x.delivery FROM webhook w CROSS JOIN LATERAL (
    SELECT d.id AS delivery, d.next_at FROM webhook_delivery d
    WHERE d.webhook_id = w.id AND d.status = 'P' AND d.next_at <= now()
    ORDER BY d.next_at LIMIT $2::bigint FOR UPDATE SKIP LOCKED) x
  WHERE w.is_active AND w.id <> ALL ($3::uuid[])
  ORDER BY x.next_at LIMIT $1::bigint
), taken AS (
  UPDATE webhook_delivery d SET claim = $4::uuid, next_at = in_ms($5::bigint)
  FROM due WHERE d.id = due.delivery RETURNING d.*
)
SELECT w.id, w.url, t.id AS delivery_id, t.attempts, 'msg_' || o.id AS message_id, o.body
FROM taken t JOIN webhook w ON w.id = t.webhook_id JOIN outbox o ON o.id = t.outbox_id
