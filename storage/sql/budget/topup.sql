-- [tenant] Adds to what remains of a budget's present window. Once per operation.
-- $1 end_user uuid
-- $2 amount micro-USD, above 0
-- $3 reason or null
-- $4 metadata JSON object or null
-- $5 operation uuid of a keyed request, or null
-- $6 actor
-- -> code (ok, not_found, mismatch), body (the budget with its transaction)
SELECT code, body::text AS body FROM budget_topup(tenant(), $1::uuid, $2::bigint, $3, $4::jsonb,
  $5::uuid, $6)
