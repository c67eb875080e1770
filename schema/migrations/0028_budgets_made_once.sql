-- A keyed request that makes or changes a budget does so once: its repetition, when the first answer was
-- lost with its node, met the budget that was there (409), or undid what had been done since.

-- What a keyed change asked for and gave, for as long as its answer is kept
-- (limits::kept_answer_ttl): afterwards the key may be used anew. Codes: null (it was not made) | ok |
-- mismatch (another change was made under that key). The caller holds the wallet's lock.
CREATE FUNCTION operation_made(t uuid, op uuid, asked jsonb, OUT code text, OUT body jsonb)
LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN e.body->'asked' = asked THEN 'ok' ELSE 'mismatch' END,
    CASE WHEN e.body->'asked' = asked THEN e.body->'gave' END
  FROM operation_effect e WHERE e.platform_id = t AND e.id = op
    AND e.created_at > clock_timestamp() - interval '24 hours' $$;
COMMENT ON FUNCTION operation_made(uuid, uuid, jsonb) IS 'Part of budget_create and budget_update.';

CREATE FUNCTION operation_note(t uuid, op uuid, asked jsonb, gave jsonb) RETURNS void
LANGUAGE sql AS $$
  INSERT INTO operation_effect (id, platform_id, body)
    VALUES (op, t, jsonb_build_object('asked', asked, 'gave', gave))
    ON CONFLICT (platform_id, id) DO UPDATE
    SET body = excluded.body, created_at = excluded.created_at $$;
COMMENT ON FUNCTION operation_note(uuid, uuid, jsonb, jsonb) IS
  'Part of budget_create and budget_update.';

-- As the function without `op` (null: no key), once per operation; one code more: mismatch.
CREATE FUNCTION budget_create(t uuid, u uuid, amt bigint, per text, auto boolean, add_amt bigint,
  low bigint, who text, op uuid, OUT code text, OUT body jsonb)
LANGUAGE plpgsql AS $$
DECLARE asked jsonb := jsonb_build_array('create', u, amt, per, auto, add_amt, low);
BEGIN
  PERFORM 1 FROM wallet WHERE platform_id = t FOR UPDATE;
  SELECT m.code, m.body INTO code, body FROM operation_made(t, op, asked) m;
  IF code IS NOT NULL THEN RETURN; END IF;
  SELECT b.code, b.body INTO code, body
    FROM budget_create(t, u, amt, per, auto, add_amt, low, who) b;
  IF code = 'ok' AND op IS NOT NULL THEN
    PERFORM operation_note(t, op, asked, body);
  END IF;
END $$;
COMMENT ON FUNCTION budget_create(uuid, uuid, bigint, text, boolean, bigint, bigint, text, uuid) IS
  'Gives an end user a budget, once per operation.';

CREATE FUNCTION budget_update(t uuid, u uuid, amt bigint, per text, suspend boolean, auto boolean,
  add_amt bigint, low bigint, no_low boolean, why text, who text, op uuid, OUT code text,
  OUT body jsonb)
LANGUAGE plpgsql AS $$
DECLARE
  asked jsonb := jsonb_build_array('update', u, amt, per, suspend, auto, add_amt, low, no_low, why);
BEGIN
  PERFORM 1 FROM wallet WHERE platform_id = t FOR UPDATE;
  SELECT m.code, m.body INTO code, body FROM operation_made(t, op, asked) m;
  IF code IS NOT NULL THEN RETURN; END IF;
  SELECT b.code, b.body INTO code, body
    FROM budget_update(t, u, amt, per, suspend, auto, add_amt, low, no_low, why, who) b;
  IF code = 'ok' AND op IS NOT NULL THEN
    PERFORM operation_note(t, op, asked, body);
  END IF;
END $$;
COMMENT ON FUNCTION budget_update(uuid, uuid, bigint, text, boolean, boolean, bigint, bigint, boolean,
  text, text, uuid) IS 'Changes an end user''s budget, once per operation.';
