-- [tenant] Ends a hold once, with its ledger row and log row. May run twice (journal).
-- $1 hold id uuid
-- $2 outcome: S settles, V voids, E expires
-- $3 actual micro-USD for S, else 0
-- $4 log JSON object or null for no log row: input_tokens, cached_tokens, output_tokens, estimated,
--      latency_ms, status, error_message, metadata {}, request_type (response, chat.completion),
--      provider_id, provider_model_id, resends (how often the provider was asked again)
-- $5 result text of a keyed call or turn, kept for its repetition, or null
-- -> code (settled, voided, expired, already, late, not_found), status or null, charged micro-USD,
--      overage micro-USD, balance micro-USD
SELECT code, status, charged, overage, balance
FROM hold_end(tenant(), $1::uuid, $2::"char", $3::bigint, $4::jsonb, $5)
