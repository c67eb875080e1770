-- [tenant] Approves definitions of a remote server's tools as they were seen last. No row: there is
--   nothing to approve.
-- $1 slug
-- $2 tool, or null for all
-- $3 seen_hash of that tool that is approved, or null for whatever was seen last
-- $4 actor
-- -> tool
WITH t AS (
  UPDATE mcp_tool SET hash = seen_hash, approved_at = clock_timestamp()
  WHERE slug = $1 AND platform_id = tenant() AND hash <> seen_hash AND ($2::text IS NULL
    OR tool = $2)
    AND ($3::text IS NULL OR seen_hash = $3)
  RETURNING tool
), l AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $4, 'mcp_server.approve', $1 || '/' || tool FROM t
)
SELECT tool FROM t ORDER BY tool
