-- [internal] The role of a connection between transactions.
-- -> role
SELECT set_config('role', 'callboard_app', false) AS role
