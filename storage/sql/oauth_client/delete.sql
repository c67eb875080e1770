-- [tenant] Forgets a client that its authorization server does not know any more. No row: it is
--   another one by now.
-- $1 id: SHA-256 of issuer and redirect URI, hexadecimal
-- $2 client_id
-- -> id
DELETE FROM oauth_client WHERE id = $1 AND client_id = $2 AND platform_id = tenant() RETURNING id
