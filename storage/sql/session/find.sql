-- [tenant] Finds a live session. No row: unknown, expired, ended or another platform's.
-- $1 id_hash
-- -> id_hash, end_user_id or null, key_id, app_slug, protocol, capabilities JSON, client JSON,
--      expires_in_ms
SELECT id_hash, end_user_id, key_id, app_slug, protocol, capabilities::text AS capabilities,
  client::text AS client, ms_until(expires_at) AS expires_in_ms
FROM session
WHERE id_hash = $1 AND platform_id = tenant() AND ended_at IS NULL
  AND expires_at > clock_timestamp()
