-- [tenant] Finds a registered client for a user who is about to be sent to its server. No row: there
--   is none, its secret has ended, or the server has sent too many users back no more.
-- $1 id: SHA-256 of issuer and redirect URI, hexadecimal
-- $2 most users in a row who did not come back
-- -> id, client_id, secret or null, auth_method
UPDATE oauth_client SET unanswered = unanswered + 1
WHERE id = $1 AND platform_id = tenant() AND unanswered < $2::bigint
  AND (expires_at IS NULL OR expires_at > clock_timestamp())
RETURNING id, client_id, secret_sealed, auth_method
