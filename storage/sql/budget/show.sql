-- [tenant] An end user's budget in its present window. No row: no budget.
-- $1 end_user uuid
-- -> body, is_suspended bool
SELECT budget_json(b)::text AS body, b.is_suspended FROM budget b
WHERE b.end_user_id = $1::uuid AND b.platform_id = tenant()
