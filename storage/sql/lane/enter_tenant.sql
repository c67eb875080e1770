-- [internal] Binds a transaction to a platform.
-- $1 platform uuid
-- -> tenant
SELECT set_config('callboard.tenant', $1, true) AS tenant
