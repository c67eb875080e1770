-- [tenant] Sets which tools an end user may see and call. No row: unknown.
-- $1 id uuid
-- $2 patterns JSON array, or null for all tools
-- $3 actor
-- -> body
WITH u AS (
  UPDATE end_user u SET allowed_tools = $2::jsonb, updated_at = clock_timestamp()
  WHERE id = $1::uuid AND platform_id = tenant() RETURNING id, end_user_json(u) AS body
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $3, 'end_user.allow', id::text FROM u
)
SELECT body::text AS body FROM u
