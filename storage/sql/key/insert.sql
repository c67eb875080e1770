-- [tenant] Adds a key.
-- $1 key_id
-- $2 kind: platform, end_user, lifecycle_live, lifecycle_test
-- $3 end_user uuid, or null
-- $4 secret key_secret
-- $5 key_prefix
-- $6 name or null
-- $7 scopes JSON array or null for ["inference"]
-- $8 expires_at timestamp text or null
-- $9 actor
-- No row: the end user is unknown.
-- -> body
WITH k AS (
  INSERT INTO api_key AS k (key_id, kind, end_user_id, secret_hmac, key_prefix, name, scopes,
    expires_at)
  SELECT $1, $2, $3::uuid, $4::bytea, $5, $6, coalesce($7::jsonb, '["inference"]'), $8::timestamptz
  WHERE $3::uuid IS NULL
    OR EXISTS (SELECT 1 FROM end_user WHERE id = $3::uuid AND platform_id = tenant())
  RETURNING key_id, api_key_json(k) AS body
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $9, 'key.create', key_id FROM k
)
SELECT body::text AS body FROM k
