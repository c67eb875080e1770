-- [internal] Adds the data key of a platform unless there is one.
-- $1 id uuid
-- $2 platform uuid, or null
-- $3 kek_id
-- $4 wrapped bytes
-- -> id
INSERT INTO tenant_key (id, platform_id, kek_id, wrapped) VALUES ($1::uuid, $2::uuid, $3, $4::bytea)
ON CONFLICT (platform_id) DO NOTHING RETURNING id
