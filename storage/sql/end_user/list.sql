-- [tenant] Lists end users, newest first.
-- $1 page from 1
-- $2 limit
-- $3 external_id to match exactly, or null
-- -> data, total
WITH page AS (
  SELECT end_user_json(u) AS item, created_at, id FROM end_user u
  WHERE platform_id = tenant() AND ($3::text IS NULL OR external_id = $3)
  ORDER BY created_at DESC, id LIMIT $2::bigint OFFSET ($1::bigint - 1) * $2::bigint
)
SELECT coalesce(jsonb_agg(item ORDER BY created_at DESC, id), '[]')::text AS data,
  (SELECT count(*) FROM end_user
   WHERE platform_id = tenant() AND ($3::text IS NULL OR external_id = $3)) AS total
FROM page
