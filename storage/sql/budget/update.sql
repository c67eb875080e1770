-- [tenant] Changes a budget; null leaves a field as it is. Once per operation.
-- $1 end_user uuid
-- $2 max_amount micro-USD; holds in the present window at once
-- $3 period: one_time, daily, monthly
-- $4 is_suspended bool
-- $5 auto_replenish bool
-- $6 replenish_amount micro-USD
-- $7 low_balance_threshold micro-USD
-- $8 no threshold any more, bool
-- $9 reason, for the ledger and the event
-- $10 actor
-- $11 operation uuid of a keyed request, or null
-- -> code (ok, not_found, no_amount, mismatch), body
SELECT code, body::text AS body FROM budget_update(tenant(), $1::uuid, $2::bigint, $3, $4::boolean,
  $5::boolean, $6::bigint, $7::bigint, $8::boolean, $9, $10, $11::uuid)
