-- [tenant] Finds the user's connection to an app with its tokens; a broken one comes without, to
--   say so. A remote MCP server without OAuth is connected for everybody, with no id and no tokens.
--   No row: never connected.
-- $1 end_user uuid
-- $2 app_slug
-- -> id or null, secret (tokens JSON) or null, expires_in_ms or null, scopes JSON array,
--      provider_fields JSON object, version, is_active bool, needs_reconnect bool, app_active bool
SELECT c.id, c.secret_sealed, ms_until(c.token_expires_at) AS expires_in_ms,
  coalesce(c.scopes, '[]')::text AS scopes,
  coalesce(c.provider_fields, '{}')::text AS provider_fields, coalesce(c.version, 0) AS version,
  coalesce(c.is_active, true) AS is_active, coalesce(c.needs_reconnect, false) AS needs_reconnect,
  coalesce(a.is_active, m.is_active, false) AS app_active
FROM (SELECT) AS one
LEFT JOIN mcp_server m ON m.platform_id = tenant() AND m.slug = $2
LEFT JOIN platform_app a ON a.platform_id = tenant() AND a.app_slug = $2
LEFT JOIN connection c ON c.platform_id = tenant() AND c.end_user_id = $1::uuid
  AND c.app_slug = $2 AND (c.is_active OR c.needs_reconnect)
  AND (m.slug IS NULL OR a.app_slug IS NOT NULL OR m.auth = 'oauth')
WHERE c.id IS NOT NULL OR (a.app_slug IS NULL AND m.auth <> 'oauth')
ORDER BY c.is_active DESC, c.created_at DESC LIMIT 1
