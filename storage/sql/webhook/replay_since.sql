-- [tenant] Sends again, oldest first, the events since a time that an endpoint subscribes to. What
--   is under way already goes on as it is. No row: unknown endpoint.
-- $1 endpoint uuid
-- $2 since, a timestamp
-- $3 most events
-- $4 actor
-- -> replayed
WITH w AS (
  SELECT * FROM webhook WHERE id = $1::uuid AND platform_id = tenant()
), d AS (
  INSERT INTO webhook_delivery AS d (webhook_id, outbox_id)
  SELECT w.id, o.id FROM w JOIN outbox o ON o.platform_id = w.platform_id
    AND o.event_type = ANY (w.events) AND o.created_at >= $2::timestamptz
  ORDER BY o.created_at LIMIT $3::bigint
  ON CONFLICT (webhook_id, outbox_id) DO UPDATE SET status = 'P', attempts = 0, claim = NULL,
    next_at = clock_timestamp(), delivered_at = NULL
  WHERE d.status <> 'P'
  RETURNING d.id
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $4, 'webhook.replay_since', $1 FROM w
)
SELECT (SELECT count(*) FROM d) AS replayed FROM w
