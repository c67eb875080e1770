-- [tenant] Deactivates an app; row, settings and connections stay. No row: not active.
-- $1 app_slug
-- $2 actor
-- -> app_slug
WITH a AS (
  UPDATE platform_app SET is_active = false, updated_at = clock_timestamp()
  WHERE app_slug = $1 AND platform_id = tenant() AND is_active RETURNING app_slug
), l AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $2, 'app.deactivate', app_slug FROM a
)
SELECT app_slug FROM a
