-- [tenant] Finds a kept response of the same user.
-- $1 id
-- $2 end_user uuid, or null for a platform key's own
-- -> id, previous_response_id or null, input, body
SELECT id, previous_response_id, input, body FROM stored_response
WHERE id = $1 AND end_user_id IS NOT DISTINCT FROM $2::uuid AND platform_id = tenant()
  AND expires_at > clock_timestamp()
