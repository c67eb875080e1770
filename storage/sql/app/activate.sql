-- [tenant] Activates an app, or activates an inactive one again with the new values. Once per
--   operation. No row: it is active already.
-- $1 id uuid for a new row
-- $2 app_slug
-- $3 display_name or null
-- $4 oauth_client_id
-- $5 oauth_client_secret secret, row_id = app_slug
-- $6 redirect_url
-- $7 scopes JSON array or null for the app's defaults
-- $8 provider_config JSON object or null
-- $9 actor
-- $10 operation uuid of a keyed request, or null
-- $11 digest of what it asks for, or null
-- -> code (ok, mismatch), body, created bool (null when it was done before)
WITH o AS MATERIALIZED (
  SELECT * FROM operation_begin($10::uuid, $11, NULL)
), a AS (
  INSERT INTO platform_app AS a (id, app_slug, display_name, oauth_client_id, secret_sealed,
    redirect_url, scopes, provider_config)
  SELECT $1::uuid, $2, $3, $4, $5::bytea, $6, $7::jsonb, coalesce($8::jsonb, '{}')
  FROM o WHERE o.code = 'new'
  ON CONFLICT (platform_id, app_slug) DO UPDATE SET display_name = excluded.display_name,
    oauth_client_id = excluded.oauth_client_id, secret_sealed = excluded.secret_sealed,
    redirect_url = excluded.redirect_url, scopes = excluded.scopes,
    provider_config = excluded.provider_config, is_active = true, updated_at = clock_timestamp()
  WHERE NOT a.is_active
  RETURNING platform_app_json(a) AS body, a.xmax = 0 AS created
), l AS (
  INSERT INTO audit (platform_id, actor, action, subject) SELECT tenant(), $9, 'app.activate', $2
    FROM a
)
SELECT 'ok' AS code, operation_end($10::uuid, body)::text AS body, created FROM a
UNION ALL
SELECT code, gave::text, NULL FROM o WHERE code <> 'new'
