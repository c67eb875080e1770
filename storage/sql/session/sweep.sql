-- [system] Deletes sessions that ended or expired more than 60 s ago.
-- $1 limit
-- -> deleted
WITH gone AS (
  DELETE FROM session WHERE id_hash IN (
    SELECT id_hash FROM session
    WHERE expires_at < clock_timestamp() - interval '60 seconds'
      OR ended_at < clock_timestamp() - interval '60 seconds'
    LIMIT $1::bigint FOR UPDATE SKIP LOCKED)
  RETURNING 1
)
SELECT count(*) AS deleted FROM gone
