-- [tenant] The limits in force for an end user. No row: unknown user.
-- $1 end_user uuid
-- -> body
SELECT to_jsonb(l)::text AS body
FROM end_user u CROSS JOIN LATERAL request_limits(u.id) l
WHERE u.id = $1::uuid AND u.platform_id = tenant()
