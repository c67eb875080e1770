-- [tenant] Deletes the platform and everything of it. No row: there is none.
-- $1 actor
-- -> id
WITH p AS (
  DELETE FROM platform WHERE id = tenant() RETURNING id
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT id, $1, 'platform.delete', id::text FROM p
)
SELECT id FROM p
