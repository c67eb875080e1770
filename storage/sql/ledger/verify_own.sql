-- [tenant] Counts violations of the money invariants of one platform; all are 0. Row-level security
--   shows the same function one platform.
-- -> invariant, violations
SELECT invariant, violations FROM ledger_verify()
