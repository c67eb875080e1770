-- [tenant] Adds a key. Once per operation.
-- $1 key_id
-- $2 kind: platform, end_user, lifecycle_live, lifecycle_test
-- $3 end_user uuid, or null
-- $4 secret key_secret
-- $5 key_prefix
-- $6 name or null
-- $7 scopes JSON array or null for ["inference"]
-- $8 expires_at timestamp text or null
-- $9 actor
-- $10 allowed_tools patterns JSON array, or null for all tools
-- $11 operation uuid of a keyed request, or null
-- $12 digest of what it asks for, or null
-- $13 raw key secret, row_id = $11; or null without $11
-- No row: the end user is unknown.
-- -> code (ok, mismatch), body, id (= $11), secret (the raw key of body) or null
WITH o AS MATERIALIZED (
  SELECT * FROM operation_begin($11::uuid, $12, $13::bytea)
), k AS (
  INSERT INTO api_key AS k (key_id, kind, end_user_id, secret_hmac, key_prefix, name, scopes,
    expires_at, allowed_tools)
  SELECT $1, $2, $3::uuid, $4::bytea, $5, $6, coalesce($7::jsonb, '["inference"]'), $8::timestamptz,
    $10::jsonb
  FROM o WHERE o.code = 'new' AND ($3::uuid IS NULL
    OR EXISTS (SELECT 1 FROM end_user WHERE id = $3::uuid AND platform_id = tenant()))
  RETURNING key_id, api_key_json(k) AS body
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $9, 'key.create', key_id FROM k
)
SELECT 'ok' AS code, operation_end($11::uuid, body)::text AS body, $11::uuid AS id,
  $13::bytea AS secret_sealed FROM k
UNION ALL
SELECT code, gave::text, $11::uuid, secret_sealed FROM o WHERE code <> 'new'
