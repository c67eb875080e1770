-- [tenant] Sets which tools a key may see and call. No row: unknown.
-- $1 key_id
-- $2 patterns JSON array, or null for all tools
-- $3 actor
-- -> body
WITH k AS (
  UPDATE api_key k SET allowed_tools = $2::jsonb
  WHERE key_id = $1 AND platform_id = tenant() RETURNING key_id, api_key_json(k) AS body
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $3, 'key.allow', key_id FROM k
)
SELECT body::text AS body FROM k
