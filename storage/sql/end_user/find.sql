-- [tenant] Finds one end user by id.
-- $1 id uuid
-- -> body, id, external_id, is_active bool
SELECT end_user_json(u)::text AS body, id, external_id, is_active
FROM end_user u WHERE id = $1::uuid AND platform_id = tenant()
