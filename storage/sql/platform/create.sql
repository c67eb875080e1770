-- [system] Creates a platform with its wallet and its first two keys.
-- $1 id uuid
-- $2 name
-- $3 slug
-- $4 wallet_id uuid
-- $5 platform_key_id
-- $6 platform_key_secret key_secret
-- $7 platform_key_prefix
-- $8 live_key_id
-- $9 live_key_secret key_secret
-- $10 live_key_prefix
-- $11 actor
-- Conflict when the slug is taken.
-- -> body
WITH p AS (
  INSERT INTO platform AS p (id, name, slug) VALUES ($1::uuid, $2, $3)
  RETURNING id, platform_json(p) AS body
), w AS (
  INSERT INTO wallet (platform_id, id) SELECT id, $4::uuid FROM p
), k AS (
  INSERT INTO api_key (key_id, platform_id, kind, secret_hmac, key_prefix, name, scopes)
  SELECT $5, id, 'platform', $6::bytea, $7, 'default', '["management"]'::jsonb FROM p
  UNION ALL
  SELECT $8, id, 'lifecycle_live', $9::bytea, $10, 'default', '["lifecycle"]'::jsonb FROM p
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject) SELECT id, $11, 'platform.create', $3
    FROM p
)
SELECT body::text AS body FROM p
