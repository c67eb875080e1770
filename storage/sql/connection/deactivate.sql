-- [tenant] Ends the user's active connection to an app and forgets its tokens. No row: none.
-- $1 end_user uuid
-- $2 app_slug
-- $3 actor
-- -> id
WITH c AS (
  UPDATE connection SET is_active = false, secret_sealed = NULL, refresh_until = NULL,
    updated_at = clock_timestamp()
  WHERE end_user_id = $1::uuid AND app_slug = $2 AND platform_id = tenant()
    AND is_active RETURNING id
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $3, 'connection.delete', id::text FROM c
)
SELECT id FROM c
