-- [system] Deletes states that expired more than an hour ago.
-- -> deleted
WITH gone AS (
  DELETE FROM oauth_state WHERE expires_at < clock_timestamp() - interval '1 hour' RETURNING 1
)
SELECT count(*) AS deleted FROM gone
