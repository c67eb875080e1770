-- [tenant] Keeps what a remote server offers, for while it cannot be reached. No row: unknown. May
--   run twice.
-- $1 slug
-- $2 lists, JSON text
-- -> slug
UPDATE mcp_server SET lists = $2, lists_at = clock_timestamp()
WHERE slug = $1 AND platform_id = tenant() RETURNING slug
