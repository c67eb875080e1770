-- [system] Lists platforms, newest first.
-- $1 page from 1
-- $2 limit
-- -> data, total
WITH page AS (
  SELECT platform_json(p) AS item, created_at, id FROM platform p
  ORDER BY created_at DESC, id LIMIT $2::bigint OFFSET ($1::bigint - 1) * $2::bigint
)
SELECT coalesce(jsonb_agg(item ORDER BY created_at DESC, id), '[]')::text AS data,
  (SELECT count(*) FROM platform) AS total
FROM page
