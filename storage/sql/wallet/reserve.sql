-- [tenant] Places a hold before a model turn or a tool call, once per id. May run twice.
-- $1 epoch
-- $2 token uuid
-- $3 hold id uuid
-- $4 request_hash bytes
-- $5 kind: llm, mcp
-- $6 amount micro-USD
-- $7 ttl_ms
-- $8 end_user uuid, or null
-- $9 subject: model slug or tool name
-- $10 request_id
-- $11 loop uuid, or null
-- $12 turn, or null
-- $13 turns_max, or null
-- $14 price_id of the tool price, or null
-- $15 free calls a month when the platform has no own number
-- -> code (ok, free, exists, mismatch, fenced, insufficient, over_budget, suspended,
--      max_iterations, no_wallet), free bool, amount micro-USD, status (P, S, V, E) or null
SELECT code, free, amount, status FROM wallet_reserve(tenant(), $1::bigint, $2::uuid, $3::uuid,
  $4::bytea,
  $6::bigint, $7::bigint, jsonb_build_object('kind', $5::text, 'end_user', $8::uuid, 'subject',
    $9::text,
    'request_id', $10::text, 'loop', $11::uuid, 'turn', $12::bigint, 'turns_max', $13::bigint,
    'price_id', $14::bigint), $15::int)
