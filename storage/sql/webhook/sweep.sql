-- [system] Deletes events that are older than 30 days, with their deliveries.
-- $1 limit
-- -> deleted
WITH gone AS (
  DELETE FROM outbox WHERE id IN (
    SELECT id FROM outbox WHERE created_at < now() - interval '30 days'
    ORDER BY created_at LIMIT $1::bigint)
  RETURNING id
)
SELECT count(*) AS deleted FROM gone
