-- [system] Takes a state: it works once. No row: unknown or used.
-- $1 id: SHA-256 of the state, hexadecimal
-- -> id, platform_id, end_user_id, app_slug, secret (PKCE verifier) or null, redirect_url,
--      callback_url, expired bool, user_active bool
DELETE FROM oauth_state s USING end_user u, platform p
WHERE s.id = $1 AND u.id = s.end_user_id AND p.id = s.platform_id
RETURNING s.id, s.platform_id, s.end_user_id, s.app_slug, s.secret_sealed, s.redirect_url,
  s.callback_url,
  s.expires_at <= clock_timestamp() AS expired, u.is_active AND p.is_active AS user_active
