-- [tenant] Lists the ledger, newest first.
-- $1 page from 1
-- $2 limit
-- -> data, total
WITH page AS (
  SELECT id, ledger_json(l) AS item FROM ledger_all l WHERE platform_id = tenant()
  ORDER BY id DESC LIMIT $2::bigint OFFSET ($1::bigint - 1) * $2::bigint
)
SELECT coalesce(jsonb_agg(item ORDER BY id DESC), '[]')::text AS data,
  (SELECT count(*) FROM ledger_all WHERE platform_id = tenant()) AS total
FROM page
