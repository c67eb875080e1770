-- [tenant] Takes from what remains of a budget's present window, all or nothing. Once per operation.
-- $1 end_user uuid
-- $2 amount micro-USD, above 0
-- $3 reason or null
-- $4 metadata JSON object or null
-- $5 operation uuid of a keyed request, or null
-- $6 actor
-- -> code (ok, not_found, mismatch, suspended, over_budget, held), body (the budget with its transaction),
--      remaining micro-USD that could be taken, resets_at or null
SELECT code, body::text AS body, remaining, iso_utc(resets_at) AS resets_at
FROM budget_debit(tenant(), $1::uuid, $2::bigint, $3, $4::jsonb,
  $5::uuid, $6)
