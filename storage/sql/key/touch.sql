-- [tenant] Notes the use of a key; call it at most once a minute and key.
-- $1 key_id
-- -> key_id
UPDATE api_key SET last_used_at = clock_timestamp()
WHERE key_id = $1 AND platform_id = tenant() RETURNING key_id
