-- [system] Gives claims back, so that another node need not wait for the end of their lease.
-- $1 claims, as an array literal of uuids
-- -> released
WITH d AS (
  UPDATE webhook_delivery SET claim = NULL, next_at = clock_timestamp()
  WHERE claim = ANY ($1::uuid[]) AND status = 'P' RETURNING id
)
SELECT count(*) AS released FROM d
