-- [tenant] wallet/reserve for several, in one transaction. May run twice.
-- $1 epoch
-- $2 token uuid
-- $3 items, JSON array of {id, hash (hex), amount, ttl_ms, kind, end_user, subject, request_id, loop,
--      turn, turns_max, price_id, prices}; absent members are null
-- $4 free calls a month when the platform has no own number
-- -> n (from 0), code (as wallet/reserve), free bool, amount micro-USD, status or null,
--      remaining micro-USD or null, resets_at or null, balance micro-USD, available micro-USD,
--      free_left, rules
SELECT n, code, free, amount, status, remaining, iso_utc(resets_at) AS resets_at, balance,
  available, free_left, rules
FROM wallet_reserve_many(tenant(), $1::bigint, $2::uuid, $3::jsonb, $4::int)
