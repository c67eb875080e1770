-- [tenant] Claims a keyed request, or finds its answer.
-- $1 operation uuid
-- $2 request_hash bytes
-- $3 attempt uuid, fresh
-- $4 node name
-- $5 lease_ms
-- $6 keep_ms
-- $7 alone bool: no other node can hold a claim in this database
-- $8 loop uuid that the key names at first
-- $9 results_ms: how long after the end of its latest turn a loop can be gone on with
-- -> code (new, again, running, done, mismatch), id, answer_status or null, answer_headers JSON
--      array of pairs or null, secret (the body) or null, loop_id that the key names now or null
SELECT x.code, $1::uuid AS id, x.answer_status, x.answer_headers, x.secret_sealed,
  x.loop_id
FROM idempotency_begin($1::uuid, $2::bytea, $3::uuid, $4, $5::bigint, $6::bigint, $7::boolean,
  $8::uuid, $9::bigint) x
