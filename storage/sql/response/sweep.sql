-- [system] Deletes expired responses.
-- $1 limit
-- -> deleted
WITH gone AS (
  DELETE FROM stored_response WHERE id IN (
    SELECT id FROM stored_response WHERE expires_at < clock_timestamp()
    LIMIT $1::bigint FOR UPDATE SKIP LOCKED)
  RETURNING 1
)
SELECT count(*) AS deleted FROM gone
