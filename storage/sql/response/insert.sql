-- [tenant] Keeps a response. May run twice: the first one stays.
-- $1 id
-- $2 end_user uuid, or null
-- $3 previous_response_id or null
-- $4 input: JSON array text of the request's items
-- $5 body: JSON object text of the response
-- $6 ttl_ms
-- -> id
INSERT INTO stored_response AS r (id, end_user_id, previous_response_id, input, body, expires_at)
VALUES ($1, $2::uuid, $3, $4, $5, in_ms($6::bigint))
ON CONFLICT (id) DO UPDATE SET id = excluded.id WHERE r.platform_id = tenant()
RETURNING id
