-- [tenant] Renews a session; at most every 60 s. No row: it is over.
-- $1 id_hash
-- $2 ttl_ms
-- -> id_hash
UPDATE session SET last_seen = clock_timestamp(), expires_at = greatest(expires_at,
  in_ms($2::bigint))
WHERE id_hash = $1 AND platform_id = tenant() AND ended_at IS NULL
  AND expires_at > clock_timestamp() - interval '60 seconds'
RETURNING id_hash
