-- [tenant] Where money invariants of one platform are violated.
-- $1 limit for each invariant
-- -> id (of the invariant: I1), platform_id or null, finding
SELECT id, platform_id, finding FROM ledger_findings($1::bigint)
