-- [tenant] Makes a block for tool calls, or makes it larger. Not to be run twice.
-- $1 epoch
-- $2 token uuid
-- $3 block uuid
-- $4 end_user uuid, or null for the block that users without a budget share
-- $5 wanted micro-USD
-- $6 needed micro-USD, the least that is of use
-- $7 ttl_ms
-- $8 free calls a month when the platform has no own number
-- -> code (ok, shared, fenced, ended, short, inactive, over_budget, suspended, no_wallet),
--      amount micro-USD added, usable_ms or null, balance micro-USD, available micro-USD, free_left,
--      rules
SELECT code, amount, usable_ms, balance, available, free_left, rules
FROM block_reserve(tenant(), $1::bigint, $2::uuid, $3::uuid, $4::uuid, $5::bigint, $6::bigint,
  $7::bigint, $8::int)
