-- [system] Counts violations of the money invariants; all are 0.
-- -> invariant, violations
SELECT invariant, violations FROM ledger_verify()
