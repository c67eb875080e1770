-- [tenant] Takes the right to refresh tokens, one holder at a time over all nodes. No row: somebody
--   else refreshes, or the tokens are newer: read again.
-- $1 id uuid
-- $2 version as read
-- $3 lease_ms
-- -> id, version
UPDATE connection SET refresh_until = in_ms($3::bigint)
WHERE id = $1::uuid AND platform_id = tenant() AND is_active AND version = $2::bigint
  AND (refresh_until IS NULL OR refresh_until < clock_timestamp())
RETURNING id, version
