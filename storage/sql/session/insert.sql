-- [tenant] Opens a session; beyond the cap the user's longest idle ones end.
-- $1 id_hash: SHA-256 of the session id, hexadecimal
-- $2 end_user uuid, or null
-- $3 key_id
-- $4 app_slug
-- $5 protocol
-- $6 capabilities JSON object
-- $7 client JSON object
-- $8 ttl_ms
-- $9 cap
-- -> evicted
SELECT session_open($1, $2::uuid, $3, $4, $5, $6::jsonb, $7::jsonb, $8::bigint,
  $9::bigint) AS evicted
