-- [tenant] Finds a remote MCP server with its secret, its pinned tools and what it offered last.
--   `id` is the slug (row of the seal). No row: unknown.
-- $1 slug
-- -> id (= slug), name, url, auth (none, header or oauth), header_name or null, secret or null, oauth
--      JSON object, allowed_tools JSON array or null, tool_prefix, is_active bool, withheld JSON
--      array of tools that wait for approval, lists JSON text or null
SELECT slug AS id, name, url, auth, header_name, secret_sealed, oauth::text AS oauth,
  allowed_tools::text AS allowed_tools, tool_prefix, is_active,
  (SELECT coalesce(jsonb_agg(t.tool ORDER BY t.tool), '[]')::text FROM mcp_tool t
   WHERE t.platform_id = s.platform_id AND t.slug = s.slug AND t.hash <> t.seen_hash) AS withheld,
  lists
FROM mcp_server s WHERE slug = $1 AND platform_id = tenant()
