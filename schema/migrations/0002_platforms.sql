-- Platforms (tenants), their end users, keys and data keys.
CREATE TABLE platform (
  id             uuid PRIMARY KEY,
  name           text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
  slug           text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  markup_ppm     bigint NOT NULL DEFAULT 0 CHECK (markup_ppm BETWEEN 0 AND 100000000),
  strict_mode    boolean NOT NULL DEFAULT false,
  free_calls     int CHECK (free_calls >= 0),
  default_budget bigint CHECK (default_budget > 0),
  default_model  text,
  is_active      boolean NOT NULL DEFAULT true,
  created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE platform IS 'A tenant: a SaaS platform whose end users use apps.';
COMMENT ON COLUMN platform.markup_ppm IS
  'Surcharge on model prices in parts per million: 12.5 % is 125000.';
COMMENT ON COLUMN platform.strict_mode IS
  'Refuse a call whose whole estimate does not fit, instead of letting it cross.';
COMMENT ON COLUMN platform.free_calls IS 'Free tool calls a month; null is the program''s default.';
COMMENT ON COLUMN platform.default_budget IS
  'Micro-US-dollars, one-time budget of users without one; null is no limit.';
ALTER TABLE platform ENABLE ROW LEVEL SECURITY;
ALTER TABLE platform FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON platform TO callboard_app USING (id = tenant()) WITH
  CHECK (id = tenant());
CREATE POLICY all_rows ON platform TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE, DELETE ON platform TO callboard_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON platform TO callboard_system;
CREATE TRIGGER auth_changed_update AFTER UPDATE OF is_active ON platform
  FOR EACH ROW WHEN (OLD.is_active IS DISTINCT FROM NEW.is_active) EXECUTE FUNCTION auth_changed();
CREATE TRIGGER auth_changed_delete AFTER DELETE ON platform
  FOR EACH ROW EXECUTE FUNCTION auth_changed();

CREATE FUNCTION platform_json(p platform) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', p.id, 'name', p.name, 'slug', p.slug, 'is_active', p.is_active,
    'settings', jsonb_build_object(
      'markup_percentage', trim_scale(p.markup_ppm::numeric / 10000), 'strict', p.strict_mode,
      'free_calls_per_month', p.free_calls, 'default_budget_usd', usd_text(p.default_budget),
      'default_model', p.default_model),
    'created_at', iso_utc(p.created_at), 'updated_at', iso_utc(p.updated_at)) $$;
COMMENT ON FUNCTION platform_json(platform) IS 'A platform as the REST API shows it.';

CREATE TABLE end_user (
  id           uuid PRIMARY KEY,
  platform_id  uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  external_id  text NOT NULL CHECK (char_length(external_id) BETWEEN 1 AND 255),
  display_name text CHECK (char_length(display_name) BETWEEN 1 AND 100),
  metadata     jsonb NOT NULL DEFAULT '{}',
  is_active    boolean NOT NULL DEFAULT true,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (platform_id, external_id),
  UNIQUE (platform_id, id)
);
COMMENT ON TABLE end_user IS 'A user of a platform, known there by external_id.';
CREATE INDEX end_user_page ON end_user (platform_id, created_at DESC, id);
ALTER TABLE end_user ENABLE ROW LEVEL SECURITY;
ALTER TABLE end_user FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON end_user TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON end_user TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON end_user TO callboard_app, callboard_system;
CREATE TRIGGER auth_changed_update AFTER UPDATE OF is_active ON end_user
  FOR EACH ROW WHEN (OLD.is_active IS DISTINCT FROM NEW.is_active) EXECUTE FUNCTION auth_changed();
CREATE TRIGGER auth_changed_delete AFTER DELETE ON end_user
  FOR EACH ROW EXECUTE FUNCTION auth_changed();

CREATE FUNCTION end_user_json(u end_user) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', u.id, 'platform_id', u.platform_id, 'external_id', u.external_id,
    'display_name', u.display_name, 'metadata', u.metadata, 'is_active', u.is_active,
    'created_at', iso_utc(u.created_at), 'updated_at', iso_utc(u.updated_at)) $$;
COMMENT ON FUNCTION end_user_json(end_user) IS 'An end user as the REST API shows it.';

CREATE TABLE api_key (
  key_id       text PRIMARY KEY CHECK (key_id ~ '^[0-9a-f]{16}$'),
  platform_id  uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  end_user_id  uuid,
  kind         text NOT NULL CHECK (kind IN ('platform', 'end_user', 'lifecycle_live',
    'lifecycle_test')),
  secret_hmac  bytea NOT NULL CHECK (octet_length(secret_hmac) = 32),
  key_prefix   text NOT NULL CHECK (char_length(key_prefix) <= 16),
  name         text CHECK (char_length(name) BETWEEN 1 AND 100),
  scopes       jsonb NOT NULL DEFAULT '["inference"]' CHECK (jsonb_typeof(scopes) = 'array'),
  expires_at   timestamptz,
  is_active    boolean NOT NULL DEFAULT true,
  last_used_at timestamptz,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK ((kind = 'end_user') = (end_user_id IS NOT NULL)),
  FOREIGN KEY (platform_id, end_user_id) REFERENCES end_user (platform_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE api_key IS
  'API keys. The secret itself is nowhere: only its HMAC under the pepper of the key ring.';
COMMENT ON COLUMN api_key.key_prefix IS
  'The first characters, by which people recognise a key in a list.';
CREATE INDEX api_key_page ON api_key (platform_id, created_at DESC, key_id);
CREATE INDEX api_key_user ON api_key (end_user_id) WHERE end_user_id IS NOT NULL;
ALTER TABLE api_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_key FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON api_key TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON api_key TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON api_key TO callboard_app, callboard_system;
CREATE TRIGGER auth_changed_update AFTER UPDATE OF is_active, expires_at ON api_key
  FOR EACH ROW WHEN (OLD.is_active IS DISTINCT FROM NEW.is_active
                     OR OLD.expires_at IS DISTINCT FROM NEW.expires_at)
  EXECUTE FUNCTION auth_changed();
CREATE TRIGGER auth_changed_delete AFTER DELETE ON api_key
  FOR EACH ROW EXECUTE FUNCTION auth_changed();

CREATE FUNCTION api_key_json(k api_key) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', k.key_id, 'platform_id', k.platform_id, 'end_user_id',
    k.end_user_id,
    'type', k.kind, 'key_prefix', k.key_prefix, 'name', k.name, 'scopes', k.scopes,
    'is_active', k.is_active, 'last_used_at', iso_utc(k.last_used_at),
    'expires_at', iso_utc(k.expires_at), 'created_at', iso_utc(k.created_at)) $$;
COMMENT ON FUNCTION api_key_json(api_key) IS 'A key as the REST API shows it, without its secret.';

CREATE TABLE tenant_key (
  id          uuid PRIMARY KEY,
  platform_id uuid REFERENCES platform ON DELETE CASCADE,
  kek_id      text NOT NULL,
  wrapped     bytea NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE NULLS NOT DISTINCT (platform_id)
);
COMMENT ON TABLE tenant_key IS
  'Data keys that seal secrets, one a platform, wrapped by a master key of the key ring, which is '
  'in no database.';
COMMENT ON COLUMN tenant_key.platform_id IS 'Null for the data key of what belongs to no platform.';
COMMENT ON COLUMN tenant_key.kek_id IS 'Which master key opens it.';
ALTER TABLE tenant_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_key FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON tenant_key TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON tenant_key TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON tenant_key TO callboard_system;
