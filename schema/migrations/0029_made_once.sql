-- What a keyed request makes (keys, end users, webhook endpoints, apps, servers) it makes once: its
-- repetition, when the first answer was lost with its node, made another key or met what was there
-- already (409).

ALTER TABLE operation_effect ADD COLUMN secret_sealed bytea;
COMMENT ON TABLE operation_effect IS
  'What a keyed change did, written with the change: a repetition whose first answer was lost with its '
  'node finds it here and changes nothing.';
COMMENT ON COLUMN operation_effect.secret_sealed IS
  'What only the first answer shows (a new key, a signing secret), sealed by the statement that made it '
  'for the row that the statement says; or null.';

-- Begins operation `op` (null: a request without key), or finds what it made, for as long as its answer
-- is kept (limits::kept_answer_ttl). Codes: new | ok (with what was made, and with the secret of then) |
-- mismatch (something else was asked for). An operation that made nothing is begun anew. Whoever comes
-- second waits for the first one's transaction.
CREATE FUNCTION operation_begin(op uuid, asked text, sealed bytea, OUT code text, OUT gave jsonb,
  OUT secret_sealed bytea)
LANGUAGE plpgsql AS $$
BEGIN
  code := 'new';
  operation_begin.secret_sealed := sealed;
  IF op IS NULL THEN RETURN; END IF;
  INSERT INTO operation_effect AS e (id, body, secret_sealed)
    VALUES (op, jsonb_build_object('asked', asked), sealed)
    ON CONFLICT (platform_id, id) DO UPDATE
    SET body = excluded.body, secret_sealed = excluded.secret_sealed,
      created_at = excluded.created_at
    WHERE NOT e.body ? 'gave' OR e.created_at <= clock_timestamp() - interval '24 hours';
  IF FOUND THEN RETURN; END IF;
  SELECT s.code, CASE s.code WHEN 'ok' THEN e.body->'gave' END,
      CASE s.code WHEN 'ok' THEN e.secret_sealed END
    INTO code, gave, operation_begin.secret_sealed
    FROM operation_effect e,
      LATERAL (SELECT CASE WHEN e.body->>'asked' = asked THEN 'ok' ELSE 'mismatch' END) s(code)
    WHERE e.platform_id = tenant() AND e.id = op;
END $$;
COMMENT ON FUNCTION operation_begin(uuid, text, bytea) IS
  'Part of the statements that make something once.';

-- Notes what operation `op` (or null) made, and gives it back.
CREATE FUNCTION operation_end(op uuid, gave jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE operation_effect e SET body = e.body || jsonb_build_object('gave', gave)
    WHERE e.platform_id = tenant() AND e.id = op;
  RETURN gave;
END $$;
COMMENT ON FUNCTION operation_end(uuid, jsonb) IS 'Part of the statements that make something once.';
