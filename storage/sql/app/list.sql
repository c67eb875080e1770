-- [tenant] Lists all apps that were ever activated, with is_active, without secrets.
-- -> data, total
SELECT coalesce(jsonb_agg(platform_app_json(a) ORDER BY app_slug), '[]')::text AS data,
  count(*) AS total
FROM platform_app a WHERE platform_id = tenant()
