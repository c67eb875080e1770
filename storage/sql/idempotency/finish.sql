-- [tenant] Keeps the answer to a keyed request. No row: another attempt has taken over.
-- $1 operation uuid
-- $2 attempt uuid
-- $3 answer_status
-- $4 answer_headers JSON array of [name, value]
-- $5 body secret, row_id = $1
-- -> id
UPDATE idempotency SET answer_status = $3::int, answer_headers = $4::jsonb, secret_sealed = $5
WHERE id = $1::uuid AND platform_id = tenant() AND attempt = $2::uuid AND answer_status IS NULL
RETURNING id
