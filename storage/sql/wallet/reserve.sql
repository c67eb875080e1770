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
-- $16 prices of a model turn, JSON object, or null
-- -> code (ok, free, exists, mismatch, fenced, insufficient, inactive, over_budget, suspended,
--      max_iterations, no_wallet), free bool, amount micro-USD, status (P, S, V, E) or null,
--      remaining micro-USD or null, resets_at or null, balance micro-USD, available micro-USD,
--      free_left, rules
SELECT code, free, amount, status, remaining, iso_utc(resets_at) AS resets_at, balance, available,
  free_left, rules
FROM wallet_reserve_many(tenant(), $1::bigint, $2::uuid, jsonb_build_array(jsonb_build_object(
  'id', $3::uuid, 'hash', encode($4::bytea, 'hex'), 'kind', $5::text, 'amount', $6::bigint,
  'ttl_ms', $7::bigint, 'end_user', $8::uuid, 'subject', $9::text, 'request_id', $10::text,
  'loop', $11::uuid, 'turn', $12::bigint, 'turns_max', $13::bigint, 'price_id', $14::bigint,
  'prices', $16::jsonb)), $15::int)
