-- What the gateway, as an OAuth client of remote MCP servers, has to remember.
ALTER TABLE connection ADD COLUMN wanted_scopes jsonb NOT NULL DEFAULT '[]'
  CHECK (jsonb_typeof(wanted_scopes) = 'array');
COMMENT ON COLUMN connection.wanted_scopes IS
  'Scopes that the server has missed since the connection was made; the next one asks for them.';

CREATE TABLE oauth_client (
  platform_id   uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  id            text NOT NULL CHECK (id ~ '^[0-9a-f]{64}$'),
  issuer        text NOT NULL,
  redirect_uri  text NOT NULL,
  client_id     text NOT NULL,
  secret_sealed bytea,
  auth_method   text NOT NULL,
  unanswered    integer NOT NULL DEFAULT 1 CHECK (unanswered >= 0),
  expires_at    timestamptz,
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (platform_id, id)
);
COMMENT ON TABLE oauth_client IS
  'A client that the gateway has registered for a platform at an authorization server (RFC 7591). '
  'Connections keep the client that they were made with.';
COMMENT ON COLUMN oauth_client.id IS
  'SHA-256 of issuer and redirect URI, hexadecimal.';
COMMENT ON COLUMN oauth_client.secret_sealed IS 'The client secret, sealed for (oauth_client, id).';
COMMENT ON COLUMN oauth_client.auth_method IS
  'How it proves itself at the token endpoint, as the server decided; empty when it did not say.';
COMMENT ON COLUMN oauth_client.unanswered IS
  'Users who were sent to the server since one came back: a server that has forgotten the client '
  'shows them an error and sends nobody back.';
COMMENT ON COLUMN oauth_client.expires_at IS 'When the secret ends; null for never.';
ALTER TABLE oauth_client ENABLE ROW LEVEL SECURITY;
ALTER TABLE oauth_client FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON oauth_client TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON oauth_client TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON oauth_client TO callboard_app, callboard_system;
