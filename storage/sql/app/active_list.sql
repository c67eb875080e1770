-- [tenant] Lists the slugs of the active apps and remote MCP servers, as GET /apps answers them.
-- -> data, total
SELECT coalesce(jsonb_agg(jsonb_build_object('app_slug', app_slug)
  ORDER BY app_slug), '[]')::text AS data,
  count(*) AS total
FROM (
  SELECT app_slug FROM platform_app WHERE platform_id = tenant() AND is_active
  UNION
  SELECT slug FROM mcp_server WHERE platform_id = tenant() AND is_active
) AS active
