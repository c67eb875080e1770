-- [tenant] Keeps a client that was registered, in place of an earlier one; beyond the cap the oldest
--   ones are forgotten.
-- $1 id: SHA-256 of issuer and redirect URI, hexadecimal
-- $2 issuer
-- $3 redirect_uri
-- $4 client_id
-- $5 client_secret secret, row_id = $1; or null
-- $6 auth_method, or empty
-- $7 expires_in_ms or null
-- $8 cap: clients of one platform
-- -> id
WITH old AS (
  DELETE FROM oauth_client WHERE platform_id = tenant() AND id IN (
    SELECT id FROM oauth_client WHERE platform_id = tenant() AND id <> $1
    ORDER BY created_at DESC OFFSET $8::bigint - 1)
)
INSERT INTO oauth_client AS c (id, issuer, redirect_uri, client_id, secret_sealed, auth_method,
  expires_at)
VALUES ($1, $2, $3, $4, $5::bytea, $6, in_ms($7::bigint))
ON CONFLICT (platform_id, id) DO UPDATE SET client_id = excluded.client_id,
  secret_sealed = excluded.secret_sealed, auth_method = excluded.auth_method,
  expires_at = excluded.expires_at, unanswered = 1, created_at = clock_timestamp()
RETURNING id
