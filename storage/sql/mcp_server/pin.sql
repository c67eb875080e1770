-- [tenant] Compares the tools of a remote server with their pins: a new tool is pinned, a changed
--   one is noted and waits for approval. May run twice.
-- $1 slug
-- $2 tools, JSON array of {tool, hash}
-- -> tool, approved bool
WITH given AS (
  SELECT DISTINCT ON (g.tool) g.tool, g.hash
  FROM jsonb_to_recordset($2::jsonb) AS g (tool text, hash text)
  WHERE EXISTS (SELECT FROM mcp_server WHERE slug = $1 AND platform_id = tenant())
  ORDER BY g.tool
), news AS (
  SELECT g.tool FROM given g
  JOIN mcp_tool t ON t.platform_id = tenant() AND t.slug = $1 AND t.tool = g.tool
  WHERE t.seen_hash <> g.hash AND t.hash <> g.hash
), l AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), 'mcp', 'mcp_server.tool_changed', $1 || '/' || tool FROM news
), p AS (
  INSERT INTO mcp_tool AS t (slug, tool, hash, seen_hash)
  SELECT $1, tool, hash, hash FROM given
  ON CONFLICT (platform_id, slug, tool) DO UPDATE SET seen_hash = excluded.seen_hash,
    changed_at = CASE WHEN t.seen_hash <> excluded.seen_hash THEN clock_timestamp()
                      ELSE t.changed_at END
  RETURNING tool, hash = seen_hash AS approved
)
SELECT tool, approved FROM p ORDER BY tool
