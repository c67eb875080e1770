-- [tenant] wallet/resolve for several, in one transaction. May run twice (journal).
-- $1 items, JSON array of {id, how (S, V, E), actual micro-USD, log, result}; log and result as in
--      wallet/resolve
-- -> n (from 0), code, status or null, charged micro-USD, overage micro-USD, balance micro-USD
SELECT n, code, status, charged, overage, balance FROM hold_end_many(tenant(), $1::jsonb)
