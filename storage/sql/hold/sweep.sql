-- [system] Ends expired holds of one platform that can be swept now: settles the checkpointed use,
--   else releases. Repeat until no row.
-- $1 limit
-- -> platform_id, id, outcome (S, E), charged micro-USD, released micro-USD
SELECT platform_id, id, outcome, charged, released FROM hold_sweep($1::int)
