-- [tenant] Deletes an end user with keys, tokens, sessions, states and stored responses. No row:
--   unknown.
-- $1 id uuid
-- $2 actor
-- -> id
WITH u AS (
  DELETE FROM end_user WHERE id = $1::uuid AND platform_id = tenant() RETURNING id
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $2, 'end_user.delete', id::text FROM u
)
SELECT id FROM u
