-- [tenant] Adds money, once per idempotency key.
-- $1 amount micro-USD, above 0
-- $2 description or null
-- $3 idempotency_key or null
-- $4 request_hash bytes or null
-- -> code (ok, exists, mismatch, no_wallet), body (the transaction), balance micro-USD
SELECT code, transaction::text AS body, balance
FROM wallet_topup(tenant(), $1::bigint, $2, $3, $4::bytea)
