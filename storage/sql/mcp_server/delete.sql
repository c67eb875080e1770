-- [tenant] Deletes a remote MCP server and forgets its users' tokens. No row: unknown.
-- $1 slug
-- $2 actor
-- -> slug
WITH s AS (
  DELETE FROM mcp_server WHERE slug = $1 AND platform_id = tenant() RETURNING slug
), c AS (
  UPDATE connection c SET is_active = false, secret_sealed = NULL, needs_reconnect = false,
    refresh_until = NULL, updated_at = clock_timestamp()
  FROM s WHERE c.app_slug = s.slug AND c.platform_id = tenant()
    AND (c.is_active OR c.needs_reconnect)
), l AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $2, 'mcp_server.delete', slug FROM s
)
SELECT slug FROM s
