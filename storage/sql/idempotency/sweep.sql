-- [system] Deletes kept answers and results that are over.
-- $1 limit
-- $2 keep_ms of results
-- $3 keep_ms of what operations made
-- -> deleted
WITH answers AS (
  DELETE FROM idempotency WHERE (platform_id, id) IN (
    SELECT platform_id, id FROM idempotency WHERE expires_at < clock_timestamp()
    LIMIT $1::bigint FOR UPDATE SKIP LOCKED)
  RETURNING 1
), results AS (
  DELETE FROM hold_result WHERE (platform_id, hold_id) IN (
    SELECT platform_id, hold_id FROM hold_result WHERE created_at < in_ms(-$2::bigint)
    LIMIT $1::bigint FOR UPDATE SKIP LOCKED)
  RETURNING 1
), effects AS (
  DELETE FROM operation_effect WHERE (platform_id, id) IN (
    SELECT platform_id, id FROM operation_effect WHERE created_at < in_ms(-$3::bigint)
    LIMIT $1::bigint FOR UPDATE SKIP LOCKED)
  RETURNING 1
)
SELECT (SELECT count(*) FROM answers) + (SELECT count(*) FROM results)
  + (SELECT count(*) FROM effects) AS deleted
