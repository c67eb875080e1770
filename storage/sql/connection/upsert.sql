-- [tenant] Stores a new connection; an active one of the same user and app is replaced.
-- $1 id uuid
-- $2 end_user uuid
-- $3 app_slug
-- $4 tokens secret JSON, row_id = $1
-- $5 expires_in_ms or null
-- $6 scopes JSON array or null
-- $7 provider_fields JSON object or null
-- Conflict when two connects of one user and app meet: retry.
-- -> id, replaced_id or null
WITH old AS (
  UPDATE connection SET is_active = false, secret_sealed = NULL, needs_reconnect = false,
    refresh_until = NULL,
    updated_at = clock_timestamp()
  WHERE end_user_id = $2::uuid AND app_slug = $3 AND platform_id = tenant() AND (is_active
    OR needs_reconnect)
  RETURNING id
), fresh AS (
  INSERT INTO connection (id, end_user_id, app_slug, secret_sealed, token_expires_at, scopes,
    provider_fields)
  SELECT $1::uuid, $2::uuid, $3, $4::bytea, in_ms($5::bigint), coalesce($6::jsonb, '[]'),
    coalesce($7::jsonb, '{}')
  FROM (SELECT count(*) FROM old) AS after_old
  RETURNING id
)
SELECT id, (SELECT min(id::text) FROM old) AS replaced_id FROM fresh
