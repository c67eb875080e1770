-- [tenant] Lists keys, newest first, never their secrets.
-- $1 page from 1
-- $2 limit
-- $3 kind, or null for all
-- $4 end_user uuid, or null for all
-- -> data, total
WITH page AS (
  SELECT api_key_json(k) AS item, created_at, key_id FROM api_key k
  WHERE platform_id = tenant() AND ($3::text IS NULL OR kind = $3)
    AND ($4::uuid IS NULL OR end_user_id = $4::uuid)
  ORDER BY created_at DESC, key_id LIMIT $2::bigint OFFSET ($1::bigint - 1) * $2::bigint
)
SELECT coalesce(jsonb_agg(item ORDER BY created_at DESC, key_id), '[]')::text AS data,
  (SELECT count(*) FROM api_key
   WHERE platform_id = tenant() AND ($3::text IS NULL OR kind = $3)
     AND ($4::uuid IS NULL OR end_user_id = $4::uuid)) AS total
FROM page
