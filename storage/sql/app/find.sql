-- [tenant] Finds an app, active or not, with its client secret. `id` is the slug (row of the seal).
-- $1 app_slug
-- -> id (= app_slug), app_id uuid, display_name or null, oauth_client_id, secret or null,
--      redirect_url, scopes JSON array or null, provider_config JSON object, is_active bool
SELECT app_slug AS id, id AS app_id, display_name, oauth_client_id, secret_sealed, redirect_url,
  scopes::text AS scopes, provider_config::text AS provider_config, is_active
FROM platform_app WHERE app_slug = $1 AND platform_id = tenant()
