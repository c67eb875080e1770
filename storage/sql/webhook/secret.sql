-- [system] Finds the signing secret of an endpoint. No row: it was deleted.
-- $1 id uuid
-- -> id, platform_id, secret
SELECT id, platform_id, secret_sealed FROM webhook WHERE id = $1::uuid
