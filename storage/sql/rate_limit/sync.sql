-- [tenant] Stores how many requests end users have made on a day as one writer counted them, and
--   gives their limits beside what was stored before by it and by others. May run twice. Unknown
--   users: no row.
-- $1 items, JSON array of {id, day (days since 1970), requests, or null to only ask}
-- $2 writer uuid
-- -> end_user_id, rpm_limit or null, tpm_limit or null, rpd_limit or null, mine, others
WITH item AS (
  SELECT u.id, date '1970-01-01' + x.day AS day, x.requests
  FROM jsonb_to_recordset($1::jsonb) AS x(id uuid, day int, requests bigint)
  JOIN end_user u ON u.id = x.id AND u.platform_id = tenant()
), stored AS (
  INSERT INTO request_day (end_user_id, day, writer, requests)
  SELECT id, day, $2::uuid, requests FROM item WHERE requests IS NOT NULL
  ON CONFLICT (end_user_id, day, writer) DO UPDATE SET requests = excluded.requests
)
SELECT i.id AS end_user_id, l.rpm_limit, l.tpm_limit, l.rpd_limit, coalesce((
    SELECT d.requests FROM request_day d
    WHERE d.end_user_id = i.id AND d.day = i.day AND d.writer = $2::uuid
      AND d.platform_id = tenant()), 0) AS mine, coalesce((
    SELECT sum(d.requests)::bigint FROM request_day d
    WHERE d.end_user_id = i.id AND d.day = i.day AND d.writer <> $2::uuid
      AND d.platform_id = tenant()), 0) AS others
FROM item i CROSS JOIN LATERAL request_limits(i.id) l
