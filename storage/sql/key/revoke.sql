-- [tenant] Revokes a key for good. No row: unknown.
-- $1 key_id
-- $2 actor
-- -> key_id
WITH k AS (
  UPDATE api_key SET is_active = false WHERE key_id = $1 AND platform_id = tenant() RETURNING key_id
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $2, 'key.revoke', key_id FROM k
)
SELECT key_id FROM k
