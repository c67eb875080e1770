-- [tenant] Lists open holds, oldest first.
-- $1 page from 1
-- $2 limit
-- -> data, total
WITH page AS (
  SELECT seq, jsonb_build_object('id', id, 'kind', kind, 'end_user_id', end_user_id, 'subject',
    subject,
    'request_id', request_id, 'loop_id', loop_id, 'turn', turn, 'free', free, 'amount',
      usd_text(amount),
    'created_at', iso_utc(created_at), 'expires_at', iso_utc(expires_at)) AS item
  FROM hold WHERE platform_id = tenant() AND status = 'P'
  ORDER BY seq LIMIT $2::bigint OFFSET ($1::bigint - 1) * $2::bigint
)
SELECT coalesce(jsonb_agg(item ORDER BY seq), '[]')::text AS data,
  (SELECT count(*) FROM hold WHERE platform_id = tenant() AND status = 'P') AS total
FROM page
