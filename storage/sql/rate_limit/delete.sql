-- [tenant] Takes an end user's own limits away: the platform's defaults hold again. No row: unknown
--   user, or it had none.
-- $1 end_user uuid
-- $2 actor
-- -> end_user_id
WITH l AS (
  DELETE FROM rate_limit WHERE end_user_id = $1::uuid AND platform_id = tenant()
  RETURNING end_user_id
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $2, 'rate_limit.delete', end_user_id::text FROM l
)
SELECT end_user_id FROM l
