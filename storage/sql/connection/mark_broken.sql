-- [tenant] The provider does not refresh any more: the user must connect again. No row: newer
--   tokens are there.
-- $1 id uuid
-- $2 version as read
-- -> id
UPDATE connection SET is_active = false, needs_reconnect = true, secret_sealed = NULL,
  refresh_until = NULL,
  updated_at = clock_timestamp()
WHERE id = $1::uuid AND platform_id = tenant() AND is_active AND version = $2::bigint
RETURNING id
