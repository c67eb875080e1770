-- [tenant] Lists endpoints without their secrets, newest first.
-- $1 page from 1
-- $2 limit
-- -> data, total
WITH page AS (
  SELECT webhook_json(w) AS item, created_at, id FROM webhook w WHERE platform_id = tenant()
  ORDER BY created_at DESC, id LIMIT $2::bigint OFFSET ($1::bigint - 1) * $2::bigint
)
SELECT coalesce(jsonb_agg(item ORDER BY created_at DESC, id), '[]')::text AS data,
  (SELECT count(*) FROM webhook WHERE platform_id = tenant()) AS total
FROM page
