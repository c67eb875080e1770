-- [tenant] The authorization server sent a user back: it knows the client. No row: it is another one
--   by now.
-- $1 id: SHA-256 of issuer and redirect URI, hexadecimal
-- $2 client_id
-- -> id
UPDATE oauth_client SET unanswered = 0
WHERE id = $1 AND client_id = $2 AND platform_id = tenant() RETURNING id
