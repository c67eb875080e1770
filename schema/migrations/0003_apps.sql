-- Apps that a platform has activated, and what end users have connected.
CREATE TABLE platform_app (
  id              uuid PRIMARY KEY,
  platform_id     uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  app_slug        text NOT NULL,
  display_name    text,
  oauth_client_id text NOT NULL,
  secret_sealed   bytea,
  redirect_url    text NOT NULL,
  scopes          jsonb CHECK (jsonb_typeof(scopes) = 'array'),
  provider_config jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(provider_config) = 'object'),
  is_active       boolean NOT NULL DEFAULT true,
  created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (platform_id, app_slug)
);
COMMENT ON TABLE platform_app IS
  'An app of the catalogue as one platform uses it, with its own OAuth client.';
COMMENT ON COLUMN platform_app.secret_sealed IS
  'The OAuth client secret, sealed for (app, app_slug).';
COMMENT ON COLUMN platform_app.scopes IS 'Scopes to ask for; null is the app''s defaults.';
COMMENT ON COLUMN platform_app.redirect_url IS
  'Base URL of the platform; the browser lands at <base>/mcp/oauth-callback.';
ALTER TABLE platform_app ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform_app FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON platform_app TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON platform_app TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON platform_app TO callboard_app, callboard_system;
CREATE TRIGGER auth_changed_update AFTER UPDATE ON platform_app
  FOR EACH ROW EXECUTE FUNCTION auth_changed();
CREATE TRIGGER auth_changed_delete AFTER DELETE ON platform_app
  FOR EACH ROW EXECUTE FUNCTION auth_changed();

CREATE FUNCTION platform_app_json(a platform_app) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', a.id, 'platform_id', a.platform_id, 'app_slug', a.app_slug,
    'display_name', a.display_name, 'oauth_client_id', a.oauth_client_id,
    'redirect_url', a.redirect_url, 'scopes', a.scopes, 'provider_config', a.provider_config,
    'is_active', a.is_active, 'created_at', iso_utc(a.created_at),
    'updated_at', iso_utc(a.updated_at)) $$;
COMMENT ON FUNCTION platform_app_json(platform_app) IS
  'An app as the REST API shows it, without its secret.';

CREATE TABLE oauth_state (
  id            text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{64}$'),
  platform_id   uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  end_user_id   uuid NOT NULL,
  app_slug      text NOT NULL,
  secret_sealed bytea,
  redirect_url  text NOT NULL,
  callback_url  text NOT NULL,
  expires_at    timestamptz NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  FOREIGN KEY (platform_id, end_user_id) REFERENCES end_user (platform_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE oauth_state IS 'An authorization in progress. Single use: reading it deletes it.';
COMMENT ON COLUMN oauth_state.id IS
  'SHA-256 of the state parameter, hexadecimal; the parameter itself is not kept.';
COMMENT ON COLUMN oauth_state.secret_sealed IS 'The PKCE verifier, or null.';
CREATE INDEX oauth_state_user ON oauth_state (end_user_id);
ALTER TABLE oauth_state ENABLE ROW LEVEL SECURITY;
ALTER TABLE oauth_state FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON oauth_state TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON oauth_state TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE ON oauth_state TO callboard_app, callboard_system;

CREATE TABLE connection (
  id               uuid PRIMARY KEY,
  platform_id      uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  end_user_id      uuid NOT NULL,
  app_slug         text NOT NULL,
  secret_sealed    bytea,
  token_expires_at timestamptz,
  scopes           jsonb NOT NULL DEFAULT '[]',
  provider_fields  jsonb NOT NULL DEFAULT '{}',
  is_active        boolean NOT NULL DEFAULT true,
  needs_reconnect  boolean NOT NULL DEFAULT false,
  version          bigint NOT NULL DEFAULT 1,
  refresh_until    timestamptz,
  created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK (is_active = (secret_sealed IS NOT NULL)),
  CHECK (NOT (is_active AND needs_reconnect)),
  FOREIGN KEY (platform_id, end_user_id) REFERENCES end_user (platform_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE connection IS
  'An end user''s OAuth connection to an app. The tokens go when it is deactivated.';
COMMENT ON COLUMN connection.secret_sealed IS
  'JSON {access_token, refresh_token, ...}, sealed for (connection, id).';
COMMENT ON COLUMN connection.needs_reconnect IS
  'Inactive because the provider no longer refreshes it.';
COMMENT ON COLUMN connection.version IS
  'Rises with every new set of tokens: of several refreshes one wins.';
COMMENT ON COLUMN connection.refresh_until IS
  'Somebody refreshes now and is expected to be done by then.';
CREATE UNIQUE INDEX connection_active ON connection (end_user_id, app_slug) WHERE is_active;
CREATE INDEX connection_user ON connection (end_user_id, app_slug, created_at DESC);
ALTER TABLE connection ENABLE ROW LEVEL SECURITY;
ALTER TABLE connection FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON connection TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON connection TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON connection TO callboard_app, callboard_system;
CREATE TRIGGER auth_changed_update AFTER UPDATE OF is_active ON connection
  FOR EACH ROW WHEN (OLD.is_active IS DISTINCT FROM NEW.is_active) EXECUTE FUNCTION auth_changed();
CREATE TRIGGER auth_changed_delete AFTER DELETE ON connection
  FOR EACH ROW EXECUTE FUNCTION auth_changed();
