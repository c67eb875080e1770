-- [tenant] Ends a session. No row: it was over. May run twice.
-- $1 id_hash
-- -> id_hash
UPDATE session SET ended_at = clock_timestamp()
WHERE id_hash = $1 AND platform_id = tenant() AND ended_at IS NULL RETURNING id_hash
