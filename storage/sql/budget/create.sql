-- [tenant] Gives an end user a budget. Once per operation.
-- $1 end_user uuid
-- $2 max_amount micro-USD, above 0
-- $3 period: one_time, daily, monthly
-- $4 auto_replenish bool
-- $5 replenish_amount micro-USD, above 0, or null without auto_replenish
-- $6 low_balance_threshold micro-USD, or null
-- $7 actor
-- $8 operation uuid of a keyed request, or null
-- -> code (ok, not_found, exists, mismatch), body
SELECT code, body::text AS body FROM budget_create(tenant(), $1::uuid, $2::bigint, $3, $4::boolean,
  $5::bigint, $6::bigint, $7, $8::uuid)
