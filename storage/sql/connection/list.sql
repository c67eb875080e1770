-- [tenant] Lists the user's active connections to active apps, as GET /connections answers them.
--   Remote MCP servers without OAuth are connected for everybody.
-- $1 end_user uuid
-- -> data, total
SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'appSlug', slug,
    'createdAt', iso_utc(since)) ORDER BY slug), '[]')::text AS data, count(*) AS total
FROM (
  SELECT c.id, c.app_slug AS slug, c.created_at AS since
  FROM connection c
  LEFT JOIN platform_app a ON a.platform_id = c.platform_id AND a.app_slug = c.app_slug
  LEFT JOIN mcp_server m ON m.platform_id = c.platform_id AND m.slug = c.app_slug
    AND m.auth = 'oauth'
  WHERE c.end_user_id = $1::uuid AND c.platform_id = tenant() AND c.is_active
    AND coalesce(a.is_active, m.is_active, false)
  UNION ALL
  SELECT md5(m.platform_id::text || '/' || m.slug)::uuid, m.slug, m.created_at
  FROM mcp_server m
  WHERE m.platform_id = tenant() AND m.is_active AND m.auth <> 'oauth'
) AS connected
