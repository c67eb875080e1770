-- [tenant] Changes an endpoint; null leaves a field as it is. Switching it on forgives its failures.
--   No row: unknown.
-- $1 id uuid
-- $2 url
-- $3 description
-- $4 subscribed event types, JSON array
-- $5 is_active bool
-- $6 actor
-- -> body
WITH w AS (
  UPDATE webhook AS w SET url = coalesce($2, url), description = coalesce($3, description),
    events = CASE WHEN $4::text IS NULL THEN events
      ELSE ARRAY(SELECT DISTINCT jsonb_array_elements_text($4::jsonb) ORDER BY 1) END,
    is_active = coalesce($5::boolean, is_active),
    failing_since = CASE WHEN $5::boolean THEN NULL ELSE failing_since END,
    disabled_at = CASE WHEN $5::boolean THEN NULL ELSE disabled_at END,
    updated_at = clock_timestamp()
  WHERE id = $1::uuid AND platform_id = tenant()
  RETURNING webhook_json(w) AS body
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $6, 'webhook.update', $1 FROM w
)
SELECT body::text AS body FROM w
