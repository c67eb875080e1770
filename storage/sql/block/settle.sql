-- [tenant] Books tool calls that were admitted from blocks. May run twice (journal).
-- $1 items, JSON array of {id, block, epoch, hash (hex), end_user, subject, request_id, price_id,
--      amount micro-USD, log {provider_id, latency_ms, status, error_message}}
-- $2 free calls a month when the platform has no own number
-- -> booked (how many were new), balance micro-USD, available micro-USD, free_left, rules
SELECT booked, balance, available, free_left, rules
FROM calls_settle(tenant(), $1::jsonb, $2::int)
