-- [internal] The data key of a platform (null: of what belongs to none).
-- $1 platform uuid, or null
-- -> id, kek_id, wrapped bytea
SELECT id, kek_id, wrapped FROM tenant_key WHERE platform_id IS NOT DISTINCT FROM $1::uuid
