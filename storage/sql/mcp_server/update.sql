-- [tenant] Changes a remote MCP server; null leaves a field as it is. A new address or another way
--   to authenticate ends the users' connections: their tokens are for the old one. No row: unknown.
-- $1 slug
-- $2 name
-- $3 url
-- $4 auth: none, header, oauth; the next three go with it
-- $5 header_name or null
-- $6 header value or client secret secret, row_id = slug; or null
-- $7 oauth JSON object
-- $8 allowed_tools JSON array; JSON null for all
-- $9 tool_prefix
-- $10 is_active bool
-- $11 actor
-- -> body, is_active bool
WITH old AS (
  SELECT url, auth FROM mcp_server WHERE slug = $1 AND platform_id = tenant() FOR UPDATE
), s AS (
  UPDATE mcp_server s SET name = coalesce($2, name), url = coalesce($3, url),
    auth = coalesce($4::text, auth),
    header_name = CASE WHEN $4::text IS NULL THEN header_name ELSE $5 END,
    secret_sealed = CASE WHEN $4::text IS NULL THEN secret_sealed ELSE $6::bytea END,
    oauth = CASE WHEN $4::text IS NULL THEN oauth ELSE coalesce($7::jsonb, '{}'::jsonb) END,
    allowed_tools = CASE WHEN $8::text IS NULL THEN allowed_tools
                         ELSE nullif($8::text::jsonb, 'null'::jsonb) END,
    tool_prefix = coalesce($9, tool_prefix), is_active = coalesce($10::boolean, is_active),
    lists = CASE WHEN coalesce($3, url) <> url THEN NULL ELSE lists END,
    updated_at = clock_timestamp()
  WHERE slug = $1 AND platform_id = tenant() AND EXISTS (SELECT FROM old)
  RETURNING mcp_server_json(s) AS body, is_active, url, auth
), c AS (
  UPDATE connection c SET is_active = false, secret_sealed = NULL, needs_reconnect = false,
    refresh_until = NULL, updated_at = clock_timestamp()
  FROM s, old
  WHERE c.app_slug = $1 AND c.platform_id = tenant() AND (c.is_active OR c.needs_reconnect)
    AND (s.url <> old.url OR s.auth <> old.auth)
), l AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $11, 'mcp_server.update', $1 FROM s
)
SELECT body::text AS body, is_active FROM s
