-- [tenant] Lists model turns and paid tool calls, newest first.
-- $1 page from 1
-- $2 limit
-- $3 model (model slug or tool name), or null
-- $4 end_user uuid, or null
-- -> data, total
WITH page AS (
  SELECT id, request_log_json(l) AS item FROM request_log_all l
  WHERE platform_id = tenant() AND ($3::text IS NULL OR model_id = $3)
    AND ($4::uuid IS NULL OR end_user_id = $4::uuid)
  ORDER BY id DESC LIMIT $2::bigint OFFSET ($1::bigint - 1) * $2::bigint
)
SELECT coalesce(jsonb_agg(item ORDER BY id DESC), '[]')::text AS data,
  (SELECT count(*) FROM request_log_all
   WHERE platform_id = tenant() AND ($3::text IS NULL OR model_id = $3)
     AND ($4::uuid IS NULL OR end_user_id = $4::uuid)) AS total
FROM page
