-- [tenant] Goes on claiming a keyed request. No row: another attempt has taken over.
-- $1 operation uuid
-- $2 attempt uuid
-- $3 lease_ms
-- -> id
UPDATE idempotency SET lease_until = in_ms($3::bigint)
WHERE id = $1::uuid AND platform_id = tenant() AND attempt = $2::uuid AND answer_status IS NULL
RETURNING id
