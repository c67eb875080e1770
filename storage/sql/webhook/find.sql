-- [tenant] Finds an endpoint, without its secret. No row: unknown.
-- $1 id uuid
-- -> body
SELECT webhook_json(w)::text AS body FROM webhook w
WHERE id = $1::uuid AND platform_id = tenant()
