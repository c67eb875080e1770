-- [internal] Lets a connection that migrates wait for its lock and work as long as it takes.
-- -> statement_timeout, lock_timeout
SELECT set_config('statement_timeout', '0', false) AS statement_timeout,
  set_config('lock_timeout', '0', false) AS lock_timeout
