-- [tenant] Queues a test event for one endpoint.
-- $1 id uuid
-- -> code (ok, not_found, inactive), body (the delivery)
SELECT code, body::text AS body FROM webhook_test(tenant(), $1::uuid)
