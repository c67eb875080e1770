-- [tenant] Gives a keyed request up, so that its repetition runs. No row: another attempt has it. May
--   run twice (journal).
-- $1 operation uuid
-- $2 attempt uuid
-- -> id
DELETE FROM idempotency
WHERE id = $1::uuid AND platform_id = tenant() AND attempt = $2::uuid AND answer_status IS NULL
RETURNING id
