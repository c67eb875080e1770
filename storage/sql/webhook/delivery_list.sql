-- [tenant] Lists deliveries to an endpoint, newest first.
-- $1 page from 1
-- $2 limit
-- $3 endpoint uuid
-- $4 status: pending, delivered, failed, or null for all
-- -> data, total
WITH wanted AS (
  SELECT d.id FROM webhook_delivery d
  WHERE d.webhook_id = $3::uuid AND d.platform_id = tenant() AND ($4::text IS NULL
    OR d.status = CASE $4 WHEN 'pending' THEN 'P' WHEN 'delivered' THEN 'S' ELSE 'F' END::"char")
), page AS (
  SELECT webhook_delivery_json(d, o) AS item, d.created_at, d.id
  FROM wanted JOIN webhook_delivery d ON d.id = wanted.id JOIN outbox o ON o.id = d.outbox_id
  ORDER BY d.created_at DESC, d.id LIMIT $2::bigint OFFSET ($1::bigint - 1) * $2::bigint
)
SELECT coalesce(jsonb_agg(item ORDER BY created_at DESC, id), '[]')::text AS data,
  (SELECT count(*) FROM wanted) AS total
FROM page
