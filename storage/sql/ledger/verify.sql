-- [system] Counts violations of the money invariants I1-I9; all are 0.
-- -> invariant, violations
SELECT invariant, violations FROM ledger_verify()
