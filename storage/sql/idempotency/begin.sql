-- [tenant] Claims a keyed request, or finds its answer.
-- $1 operation uuid
-- $2 request_hash bytes
-- $3 attempt uuid, fresh
-- $4 node name
-- $5 lease_ms
-- $6 keep_ms
-- $7 alone bool: no other node can hold a claim in this database
-- -> code (new, again, running, done, mismatch), id, answer_status or null, answer_headers JSON
--      array of pairs or null, secret (the body) or null
SELECT x.code, $1::uuid AS id, x.answer_status, x.answer_headers, x.secret_sealed
FROM idempotency_begin($1::uuid, $2::bytea, $3::uuid, $4, $5::bigint, $6::bigint, $7::boolean) x
