-- [internal] Replaces the wrapping of a data key unless somebody else did.
-- $1 id uuid
-- $2 kek_id as read
-- $3 kek_id
-- $4 wrapped bytes
-- -> id
UPDATE tenant_key SET kek_id = $3, wrapped = $4::bytea WHERE id = $1::uuid
  AND kek_id = $2 RETURNING id
