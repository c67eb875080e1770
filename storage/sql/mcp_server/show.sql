-- [tenant] Shows a remote MCP server with its tools, without secrets. No row: unknown.
-- $1 slug
-- -> body
SELECT mcp_server_json(s)::text AS body FROM mcp_server s
WHERE slug = $1 AND platform_id = tenant()
