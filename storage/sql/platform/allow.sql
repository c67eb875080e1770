-- [tenant] Sets which tools the platform's users may see and call.
-- $1 patterns JSON array, or null for all tools
-- $2 actor
-- -> body
WITH p AS (
  UPDATE platform p SET allowed_tools = $1::jsonb, updated_at = clock_timestamp()
  WHERE id = tenant() RETURNING platform_json(p) AS body
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $2, 'platform.allow', tenant()::text FROM p
)
SELECT body::text AS body FROM p
