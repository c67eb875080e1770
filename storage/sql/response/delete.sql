-- [tenant] Deletes a kept response of the same user. No row: unknown.
-- $1 id
-- $2 end_user uuid, or null for a platform key's own
-- -> id
DELETE FROM stored_response
WHERE id = $1 AND end_user_id IS NOT DISTINCT FROM $2::uuid AND platform_id = tenant() RETURNING id
