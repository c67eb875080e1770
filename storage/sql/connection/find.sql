-- [tenant] Finds the user's connection to an app with its tokens; a broken one comes without, to
--   say so. No row: never connected.
-- $1 end_user uuid
-- $2 app_slug
-- -> id, secret (tokens JSON) or null, expires_in_ms or null, scopes JSON array, provider_fields
--      JSON object, version, is_active bool, needs_reconnect bool, app_active bool
SELECT c.id, c.secret_sealed, ms_until(c.token_expires_at) AS expires_in_ms,
  c.scopes::text AS scopes,
  c.provider_fields::text AS provider_fields, c.version, c.is_active, c.needs_reconnect,
  coalesce(a.is_active, false) AS app_active
FROM connection c
LEFT JOIN platform_app a ON a.platform_id = c.platform_id AND a.app_slug = c.app_slug
WHERE c.end_user_id = $1::uuid AND c.app_slug = $2 AND c.platform_id = tenant()
  AND (c.is_active OR c.needs_reconnect)
ORDER BY c.is_active DESC, c.created_at DESC LIMIT 1
