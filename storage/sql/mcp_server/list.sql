-- [tenant] Lists the remote MCP servers, without secrets.
-- -> data, total
SELECT coalesce(jsonb_agg(mcp_server_json(s) ORDER BY slug), '[]')::text AS data,
  count(*) AS total
FROM mcp_server s WHERE platform_id = tenant()
