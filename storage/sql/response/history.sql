-- [tenant] A kept response and those before it, oldest first, at most 200. No row: unknown.
-- $1 id
-- $2 end_user uuid, or null for a platform key's own
-- -> id, input, body
WITH RECURSIVE chain AS (
  SELECT id, previous_response_id, input, body, 1 AS depth FROM stored_response
  WHERE id = $1 AND end_user_id IS NOT DISTINCT FROM $2::uuid AND platform_id = tenant()
    AND expires_at > clock_timestamp()
  UNION ALL
  SELECT r.id, r.previous_response_id, r.input, r.body, c.depth + 1
  FROM chain c JOIN stored_response r ON r.id = c.previous_response_id
  WHERE r.end_user_id IS NOT DISTINCT FROM $2::uuid AND r.platform_id = tenant() AND c.depth < 200
)
SELECT id, input, body FROM chain ORDER BY depth DESC
