-- [tenant] Keeps the state of an authorization; drops the user's expired ones.
-- $1 id: SHA-256 of the state, hexadecimal
-- $2 end_user uuid
-- $3 app_slug
-- $4 verifier secret, row_id = $1, or null without PKCE
-- $5 redirect_url
-- $6 callback_url
-- $7 ttl_ms
-- -> id
WITH old AS (
  DELETE FROM oauth_state
  WHERE end_user_id = $2::uuid AND platform_id = tenant()
    AND expires_at < clock_timestamp() - interval '1 hour'
)
INSERT INTO oauth_state (id, end_user_id, app_slug, secret_sealed, redirect_url, callback_url,
  expires_at)
VALUES ($1, $2::uuid, $3, $4::bytea, $5, $6, in_ms($7::bigint)) RETURNING id
