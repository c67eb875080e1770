-- [internal] Lets a transaction see all rows.
-- -> role
SELECT set_config('role', 'callboard_system', true) AS role
