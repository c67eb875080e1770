-- [tenant] Registers a remote MCP server. Once per operation. No row: the platform has as many as it
--   may. Conflict when the slug is taken.
-- $1 slug
-- $2 name
-- $3 url
-- $4 auth: none, header, oauth
-- $5 header_name or null
-- $6 header value or client secret secret, row_id = slug; or null
-- $7 oauth JSON object
-- $8 allowed_tools JSON array, or null for all
-- $9 tool_prefix
-- $10 actor
-- $11 cap: servers of one platform
-- $12 operation uuid of a keyed request, or null
-- $13 digest of what it asks for, or null
-- -> code (ok, mismatch), body
WITH o AS MATERIALIZED (
  SELECT * FROM operation_begin($12::uuid, $13, NULL)
), s AS (
  INSERT INTO mcp_server AS s (slug, name, url, auth, header_name, secret_sealed, oauth,
    allowed_tools, tool_prefix)
  SELECT $1, $2, $3, $4, $5, $6::bytea, $7::jsonb, $8::jsonb, $9
  FROM o WHERE o.code = 'new'
    AND (SELECT count(*) FROM mcp_server WHERE platform_id = tenant()) < $11::bigint
  RETURNING mcp_server_json(s) AS body
), l AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $10, 'mcp_server.create', $1 FROM s
)
SELECT 'ok' AS code, operation_end($12::uuid, body)::text AS body FROM s
UNION ALL
SELECT code, gave::text FROM o WHERE code <> 'new'
