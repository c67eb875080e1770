-- Remote MCP servers that a platform offers its users as apps.
CREATE TABLE mcp_server (
  platform_id   uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  slug          text NOT NULL CHECK (slug ~ '^[a-z][a-z0-9_-]{0,39}$'),
  name          text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
  url           text NOT NULL CHECK (octet_length(url) <= 2048),
  auth          text NOT NULL CHECK (auth IN ('none', 'header', 'oauth')),
  header_name   text,
  secret_sealed bytea,
  oauth         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(oauth) = 'object'),
  allowed_tools jsonb CHECK (jsonb_typeof(allowed_tools) = 'array'),
  tool_prefix   text NOT NULL DEFAULT '' CHECK (char_length(tool_prefix) <= 32),
  is_active     boolean NOT NULL DEFAULT true,
  lists         text,
  lists_at      timestamptz,
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (platform_id, slug),
  CHECK ((auth = 'header') = (header_name IS NOT NULL)),
  CHECK (auth <> 'header' OR secret_sealed IS NOT NULL)
);
COMMENT ON TABLE mcp_server IS
  'A remote MCP server that a platform offers its users as an app of that slug.';
COMMENT ON COLUMN mcp_server.secret_sealed IS
  'The value of the header, or the OAuth client secret; sealed for (mcp_server, slug).';
COMMENT ON COLUMN mcp_server.oauth IS
  'For auth oauth: {client_id, scopes, redirect_url}, all of them optional but redirect_url.';
COMMENT ON COLUMN mcp_server.allowed_tools IS 'Names as the server gives them; null allows all.';
COMMENT ON COLUMN mcp_server.lists IS
  'JSON text: what the server offered when it was last asked, for while it cannot be reached.';
ALTER TABLE mcp_server ENABLE ROW LEVEL SECURITY;
ALTER TABLE mcp_server FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON mcp_server TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON mcp_server TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON mcp_server TO callboard_app, callboard_system;
-- Not for lists: they are written by the node that asked the server.
CREATE TRIGGER auth_changed_update AFTER UPDATE OF url, auth, header_name, secret_sealed, oauth,
  allowed_tools, tool_prefix, is_active ON mcp_server
  FOR EACH ROW EXECUTE FUNCTION auth_changed();
CREATE TRIGGER auth_changed_delete AFTER DELETE ON mcp_server
  FOR EACH ROW EXECUTE FUNCTION auth_changed();

CREATE TABLE mcp_tool (
  platform_id uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  slug        text NOT NULL,
  tool        text NOT NULL,
  hash        text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
  seen_hash   text NOT NULL CHECK (seen_hash ~ '^[0-9a-f]{64}$'),
  approved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  changed_at  timestamptz,
  PRIMARY KEY (platform_id, slug, tool),
  FOREIGN KEY (platform_id, slug) REFERENCES mcp_server ON DELETE CASCADE
);
COMMENT ON TABLE mcp_tool IS
  'Definitions of the tools of remote servers, pinned by hash: one that changes is not offered '
  'until the platform has approved it.';
COMMENT ON COLUMN mcp_tool.hash IS
  'SHA-256 of the approved definition, hexadecimal; the first one seen is approved.';
COMMENT ON COLUMN mcp_tool.seen_hash IS 'Likewise of the definition that the server gave last.';
ALTER TABLE mcp_tool ENABLE ROW LEVEL SECURITY;
ALTER TABLE mcp_tool FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON mcp_tool TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON mcp_tool TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON mcp_tool TO callboard_app, callboard_system;
CREATE TRIGGER auth_changed_update AFTER UPDATE OF hash ON mcp_tool
  FOR EACH ROW WHEN (OLD.hash IS DISTINCT FROM NEW.hash) EXECUTE FUNCTION auth_changed();

CREATE FUNCTION mcp_server_json(s mcp_server) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('platform_id', s.platform_id, 'slug', s.slug, 'name', s.name,
    'url', s.url,
    'auth', CASE s.auth
      WHEN 'header' THEN jsonb_build_object('type', 'header', 'name', s.header_name)
      WHEN 'oauth' THEN jsonb_build_object('type', 'oauth') || s.oauth
      ELSE jsonb_build_object('type', 'none') END,
    'allowed_tools', s.allowed_tools, 'tool_prefix', s.tool_prefix, 'is_active', s.is_active,
    'tools', coalesce((SELECT jsonb_agg(jsonb_build_object('name', t.tool, 'hash', t.seen_hash,
        'approved', t.hash = t.seen_hash) ORDER BY t.tool)
      FROM mcp_tool t WHERE t.platform_id = s.platform_id AND t.slug = s.slug), '[]'),
    'listed_at', iso_utc(s.lists_at), 'created_at', iso_utc(s.created_at),
    'updated_at', iso_utc(s.updated_at)) $$;
COMMENT ON FUNCTION mcp_server_json(mcp_server) IS
  'A remote server as the REST API shows it, without its secret.';
