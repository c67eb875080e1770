-- [tenant] Ends all sessions of an app, when it is deactivated.
-- $1 app_slug
-- One row per ended session.
-- -> id_hash
UPDATE session SET ended_at = clock_timestamp()
WHERE app_slug = $1 AND platform_id = tenant() AND ended_at IS NULL RETURNING id_hash
