-- MCP sessions and stored responses: what must outlive a node.
CREATE TABLE session (
  id_hash      text PRIMARY KEY CHECK (id_hash ~ '^[0-9a-f]{64}$'),
  platform_id  uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  end_user_id  uuid,
  key_id       text NOT NULL REFERENCES api_key ON DELETE CASCADE,
  app_slug     text NOT NULL,
  protocol     text NOT NULL,
  capabilities jsonb NOT NULL DEFAULT '{}',
  client       jsonb NOT NULL DEFAULT '{}',
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_seen    timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at   timestamptz NOT NULL,
  ended_at     timestamptz,
  FOREIGN KEY (platform_id, end_user_id) REFERENCES end_user (platform_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);
COMMENT ON TABLE session IS
  'MCP sessions of the session era. Any node goes on with one from its row.';
COMMENT ON COLUMN session.id_hash IS
  'SHA-256 of the session id, hexadecimal; the id itself is not kept.';
COMMENT ON COLUMN session.app_slug IS 'The app of the URL that opened it, or "lifecycle".';
CREATE INDEX session_of_user ON session (end_user_id, last_seen) WHERE ended_at IS NULL;
CREATE INDEX session_of_key ON session (key_id);
CREATE INDEX session_sweep ON session (expires_at);
ALTER TABLE session ENABLE ROW LEVEL SECURITY;
ALTER TABLE session FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON session TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON session TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON session TO callboard_app, callboard_system;

-- Opens a session; when the user has `cap` live ones, the longest idle of them end. Returns how
-- many ended. The lock on the key's row lets two opens of one user pass one after the other, so the
-- cap is exact for one key holder; users without end_user_id (lifecycle) are counted by their key.
CREATE FUNCTION session_open(p_id_hash text, p_end_user uuid, p_key text, p_app text,
  p_protocol text,
                             p_capabilities jsonb, p_client jsonb, p_ttl_ms bigint, p_cap bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
  IF p_end_user IS NOT NULL THEN
    PERFORM 1 FROM end_user WHERE id = p_end_user FOR NO KEY UPDATE;
  ELSE
    PERFORM 1 FROM api_key WHERE key_id = p_key FOR NO KEY UPDATE;
  END IF;
  WITH surplus AS (
    SELECT id_hash FROM session
    WHERE platform_id = tenant() AND ended_at IS NULL AND expires_at > clock_timestamp()
      AND CASE WHEN p_end_user IS NULL THEN key_id = p_key ELSE end_user_id = p_end_user END
    ORDER BY last_seen DESC OFFSET greatest(p_cap - 1, 0))
  UPDATE session s SET ended_at = clock_timestamp() FROM surplus WHERE s.id_hash = surplus.id_hash;
  GET DIAGNOSTICS n = ROW_COUNT;
  INSERT INTO session (id_hash, end_user_id, key_id, app_slug, protocol, capabilities, client,
    expires_at)
    VALUES (p_id_hash, p_end_user, p_key, p_app, p_protocol, p_capabilities, p_client,
      in_ms(p_ttl_ms));
  RETURN n;
END $$;
COMMENT ON FUNCTION session_open(text, uuid, text, text, text, jsonb, jsonb, bigint, bigint) IS
  'Opens an MCP session within the cap of sessions per user.';

CREATE TABLE stored_response (
  id                   text PRIMARY KEY,
  platform_id          uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  end_user_id          uuid,
  previous_response_id text,
  input                text NOT NULL,
  body                 text NOT NULL,
  expires_at           timestamptz NOT NULL,
  created_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
  FOREIGN KEY (platform_id, end_user_id) REFERENCES end_user (platform_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE stored_response IS
  'Responses kept for previous_response_id and GET; without any authorization value.';
COMMENT ON COLUMN stored_response.input IS
  'JSON array of the request''s input items, as text: no reordering of members.';
COMMENT ON COLUMN stored_response.body IS 'JSON text of the response object.';
CREATE INDEX stored_response_sweep ON stored_response (expires_at);
CREATE INDEX stored_response_user ON stored_response (platform_id, end_user_id);
ALTER TABLE stored_response ENABLE ROW LEVEL SECURITY;
ALTER TABLE stored_response FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON stored_response TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON stored_response TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON stored_response TO callboard_app, callboard_system;
