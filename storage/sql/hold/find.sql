-- [tenant] Finds a hold.
-- $1 hold id uuid
-- -> id, kind, free bool, amount micro-USD, status, settled or null, overage, expires_in_ms
SELECT id, kind, free, amount, status, settled, overage, ms_until(expires_at) AS expires_in_ms
FROM hold_all WHERE id = $1::uuid AND platform_id = tenant()
