-- [tenant] Lists the user's active connections to active apps, as GET /connections answers them.
-- $1 end_user uuid
-- -> data, total
SELECT coalesce(jsonb_agg(jsonb_build_object('id', c.id, 'appSlug', c.app_slug,
    'createdAt', iso_utc(c.created_at)) ORDER BY c.app_slug), '[]')::text AS data, count(*) AS total
FROM connection c JOIN platform_app a ON a.platform_id = c.platform_id AND a.app_slug = c.app_slug
WHERE c.end_user_id = $1::uuid AND c.platform_id = tenant() AND c.is_active AND a.is_active
