-- [tenant] Changes an app, active or not; null leaves a field as it is. No row: never activated.
-- $1 app_slug
-- $2 display_name
-- $3 oauth_client_id
-- $4 oauth_client_secret secret, row_id = app_slug
-- $5 redirect_url
-- $6 scopes JSON array
-- $7 provider_config JSON object
-- $8 is_active bool
-- $9 actor
-- -> body, is_active bool
WITH a AS (
  UPDATE platform_app a SET display_name = coalesce($2, display_name),
    oauth_client_id = coalesce($3, oauth_client_id), secret_sealed = coalesce($4::bytea,
      secret_sealed),
    redirect_url = coalesce($5, redirect_url), scopes = coalesce($6::jsonb, scopes),
    provider_config = coalesce($7::jsonb, provider_config), is_active = coalesce($8::boolean,
      is_active),
    updated_at = clock_timestamp()
  WHERE app_slug = $1 AND platform_id = tenant()
  RETURNING platform_app_json(a) AS body, is_active
), l AS (
  INSERT INTO audit (platform_id, actor, action, subject) SELECT tenant(), $9, 'app.update', $1
    FROM a
)
SELECT body::text AS body, is_active FROM a
