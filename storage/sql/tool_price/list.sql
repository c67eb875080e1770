-- [system] Lists the prices in force.
-- -> data, total
WITH newest AS (
  SELECT DISTINCT ON (scope, name) * FROM tool_price ORDER BY scope, name, version DESC
)
SELECT coalesce(jsonb_agg(jsonb_build_object('id', id::text, 'scope', scope, 'name', name,
    'version', version, 'price', usd_text(price), 'valid_from', iso_utc(valid_from))
    ORDER BY scope, name), '[]')::text AS data, count(*) AS total
FROM newest
