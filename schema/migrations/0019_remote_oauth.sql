-- What the gateway, as an OAuth client of remote MCP servers, has to remember.
ALTER TABLE connection ADD COLUMN wanted_scopes jsonb NOT NULL DEFAULT '[]'
  CHECK (jsonb_typeof(wanted_scopes) = 'array');
COMMENT ON COLUMN connection.wanted_scopes IS
  'Scopes that the server has missed since the connection was made; the next one asks for them.';
