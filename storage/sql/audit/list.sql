-- [tenant] Lists what was changed, newest first.
-- $1 page from 1
-- $2 limit
-- -> data, total
WITH page AS (
  SELECT id, jsonb_build_object('id', id::text, 'actor', actor, 'action', action, 'subject',
    subject,
    'created_at', iso_utc(at)) AS item
  FROM audit WHERE platform_id = tenant()
  ORDER BY id DESC LIMIT $2::bigint OFFSET ($1::bigint - 1) * $2::bigint
)
SELECT coalesce(jsonb_agg(item ORDER BY id DESC), '[]')::text AS data,
  (SELECT count(*) FROM audit WHERE platform_id = tenant()) AS total
FROM page
