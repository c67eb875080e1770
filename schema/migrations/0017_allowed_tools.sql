-- Which tools a platform, an end user and a key may see and call.
ALTER TABLE platform ADD COLUMN allowed_tools jsonb
  CHECK (jsonb_typeof(allowed_tools) = 'array');
ALTER TABLE end_user ADD COLUMN allowed_tools jsonb
  CHECK (jsonb_typeof(allowed_tools) = 'array');
ALTER TABLE api_key ADD COLUMN allowed_tools jsonb
  CHECK (jsonb_typeof(allowed_tools) = 'array');
COMMENT ON COLUMN platform.allowed_tools IS
  'Patterns of the tools that its users may see and call; null for all.';
COMMENT ON COLUMN end_user.allowed_tools IS
  'Patterns of the tools that the user may see and call, within the platform''s; null for all.';
COMMENT ON COLUMN api_key.allowed_tools IS
  'Patterns of the tools that the key may see and call, within its user''s; null for all.';

-- Caches of keys hold the lists, so a change must empty them like a revocation.
CREATE TRIGGER auth_changed_tools AFTER UPDATE OF allowed_tools ON platform
  FOR EACH ROW WHEN (OLD.allowed_tools IS DISTINCT FROM NEW.allowed_tools)
  EXECUTE FUNCTION auth_changed();
CREATE TRIGGER auth_changed_tools AFTER UPDATE OF allowed_tools ON end_user
  FOR EACH ROW WHEN (OLD.allowed_tools IS DISTINCT FROM NEW.allowed_tools)
  EXECUTE FUNCTION auth_changed();
CREATE TRIGGER auth_changed_tools AFTER UPDATE OF allowed_tools ON api_key
  FOR EACH ROW WHEN (OLD.allowed_tools IS DISTINCT FROM NEW.allowed_tools)
  EXECUTE FUNCTION auth_changed();

CREATE OR REPLACE FUNCTION platform_json(p platform) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', p.id, 'name', p.name, 'slug', p.slug, 'is_active', p.is_active,
    'settings', jsonb_build_object(
      'markup_percentage', trim_scale(p.markup_ppm::numeric / 10000), 'strict', p.strict_mode,
      'free_calls_per_month', p.free_calls, 'default_budget_usd', usd_text(p.default_budget),
      'default_model', p.default_model, 'default_rate_limits', jsonb_build_object(
        'rpm_limit', p.default_rpm_limit, 'tpm_limit', p.default_tpm_limit,
        'rpd_limit', p.default_rpd_limit), 'allowed_tools', p.allowed_tools),
    'created_at', iso_utc(p.created_at), 'updated_at', iso_utc(p.updated_at)) $$;

CREATE OR REPLACE FUNCTION end_user_json(u end_user) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', u.id, 'platform_id', u.platform_id, 'external_id', u.external_id,
    'display_name', u.display_name, 'metadata', u.metadata, 'is_active', u.is_active,
    'allowed_tools', u.allowed_tools,
    'created_at', iso_utc(u.created_at), 'updated_at', iso_utc(u.updated_at)) $$;

CREATE OR REPLACE FUNCTION api_key_json(k api_key) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', k.key_id, 'platform_id', k.platform_id, 'end_user_id',
    k.end_user_id,
    'type', k.kind, 'key_prefix', k.key_prefix, 'name', k.name, 'scopes', k.scopes,
    'allowed_tools', k.allowed_tools,
    'is_active', k.is_active, 'last_used_at', iso_utc(k.last_used_at),
    'expires_at', iso_utc(k.expires_at), 'created_at', iso_utc(k.created_at)) $$;
