-- [system] Deletes the request counts of days that are over everywhere.
-- $1 limit
-- -> deleted
WITH gone AS (
  DELETE FROM request_day WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM request_day WHERE day < (now() AT TIME ZONE 'UTC')::date - 1
    LIMIT $1::bigint))
  RETURNING 1
)
SELECT count(*) AS deleted FROM gone
