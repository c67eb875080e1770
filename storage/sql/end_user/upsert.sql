-- [tenant] Creates an end user, or finds the one with that external_id unchanged; adds a fresh key
--   either way.
-- $1 id uuid for a new user
-- $2 external_id
-- $3 display_name or null
-- $4 metadata JSON object or null
-- $5 key_id
-- $6 key_secret key_secret
-- $7 key_prefix
-- $8 actor
-- -> body, id, created bool
WITH u AS (
  INSERT INTO end_user AS u (id, external_id, display_name, metadata)
  VALUES ($1::uuid, $2, $3, coalesce($4::jsonb, '{}'))
  ON CONFLICT (platform_id, external_id) DO UPDATE SET external_id = excluded.external_id
  RETURNING id, end_user_json(u) AS body, u.xmax = 0 AS created
), k AS (
  INSERT INTO api_key (key_id, end_user_id, kind, secret_hmac, key_prefix, name)
  SELECT $5, id, 'end_user', $6::bytea, $7, 'default' FROM u
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $8, CASE WHEN created THEN 'end_user.create'
    ELSE 'end_user.new_key' END, id::text FROM u
)
SELECT body::text AS body, id, created FROM u
