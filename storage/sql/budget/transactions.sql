-- [tenant] Lists the moves of a user's budget, newest first. No row: no budget.
-- $1 page from 1
-- $2 limit
-- $3 end_user uuid
-- -> data, total
WITH page AS (
  SELECT id, budget_transaction_json(x) AS item FROM budget_transaction x
  WHERE platform_id = tenant() AND end_user_id = $3::uuid
  ORDER BY id DESC LIMIT $2::bigint OFFSET ($1::bigint - 1) * $2::bigint
)
SELECT coalesce(jsonb_agg(item ORDER BY id DESC), '[]')::text AS data,
  (SELECT count(*) FROM budget_transaction
   WHERE platform_id = tenant() AND end_user_id = $3::uuid) AS total
FROM page
HAVING EXISTS (SELECT FROM budget WHERE platform_id = tenant() AND end_user_id = $3::uuid)
