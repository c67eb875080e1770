-- [tenant] Creates an end user, or finds the one with that external_id unchanged; adds a fresh key
--   either way. Once per operation.
-- $1 id uuid for a new user
-- $2 external_id
-- $3 display_name or null
-- $4 metadata JSON object or null
-- $5 key_id
-- $6 key_secret key_secret
-- $7 key_prefix
-- $8 actor
-- $9 operation uuid of a keyed request, or null
-- $10 digest of what it asks for, or null
-- $11 raw key secret, row_id = $9; or null without $9
-- -> code (ok, mismatch), body, end_user_id, created bool, id (= $9), secret (the raw key) or null
WITH o AS MATERIALIZED (
  SELECT * FROM operation_begin($9::uuid, $10, $11::bytea)
), u AS (
  INSERT INTO end_user AS u (id, external_id, display_name, metadata)
  SELECT $1::uuid, $2, $3, coalesce($4::jsonb, '{}') FROM o WHERE o.code = 'new'
  ON CONFLICT (platform_id, external_id) DO UPDATE SET external_id = excluded.external_id
  RETURNING id, end_user_json(u) AS body, u.xmax = 0 AS created
), k AS (
  INSERT INTO api_key (key_id, end_user_id, kind, secret_hmac, key_prefix, name)
  SELECT $5, id, 'end_user', $6::bytea, $7, 'default' FROM u
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $8, CASE WHEN created THEN 'end_user.create'
    ELSE 'end_user.new_key' END, id::text FROM u
), x AS (
  SELECT 'ok' AS code, $11::bytea AS secret_sealed,
    operation_end($9::uuid, jsonb_build_object('user', body, 'created', created)) AS gave FROM u
  UNION ALL
  SELECT code, secret_sealed, gave FROM o WHERE code <> 'new'
)
SELECT code, (gave->'user')::text AS body, (gave->'user'->>'id')::uuid AS end_user_id,
  (gave->>'created')::boolean AS created, $9::uuid AS id, secret_sealed FROM x
