-- [tenant] Sends one delivery again from its first attempt; one that is under way or waits for its
--   next attempt goes on as it is, but at once when it waits. No row: unknown.
-- $1 endpoint uuid
-- $2 delivery uuid
-- $3 actor
-- -> body
WITH d AS (
  UPDATE webhook_delivery SET attempts = CASE WHEN status = 'P' THEN attempts ELSE 0 END,
    next_at = CASE WHEN claim IS NULL THEN clock_timestamp() ELSE next_at END, status = 'P',
    delivered_at = NULL
  WHERE id = $2::uuid AND webhook_id = $1::uuid AND platform_id = tenant()
  RETURNING *
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $3, 'webhook.replay', id::text FROM d
)
SELECT webhook_delivery_json(d, o)::text AS body FROM d JOIN outbox o ON o.id = d.outbox_id
