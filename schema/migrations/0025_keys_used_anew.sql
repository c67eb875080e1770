-- The key of a model request can be used for something else once what it was used for is over: the
-- loop then gets another id, so that the turns of the former one are not found any more.

ALTER TABLE idempotency ADD COLUMN loop_id uuid;
COMMENT ON COLUMN idempotency.loop_id IS
  'The loop that the key names while this claim lasts. Null: the first.';

-- As before. `first_loop` is the id of the loop that the key names at first; `loop_id` is the one that
-- it names now: another one for each time that the key was used again later than results are kept
-- (results_ms) after the latest turn of the one before had ended. Null when nothing is to be run.
CREATE FUNCTION idempotency_begin(i uuid, rh bytea, a uuid, n text, lease_ms bigint, keep_ms bigint,
  alone boolean, first_loop uuid, results_ms bigint, OUT code text, OUT answer_status int,
  OUT answer_headers jsonb, OUT secret_sealed bytea, OUT loop_id uuid)
LANGUAGE plpgsql AS $$
DECLARE latest timestamptz; uses int := 0;
BEGIN
  SELECT b.code, b.answer_status, b.answer_headers, b.secret_sealed
    INTO code, answer_status, answer_headers, secret_sealed
    FROM idempotency_begin(i, rh, a, n, lease_ms, keep_ms, alone) b;
  IF code = 'again' THEN
    SELECT coalesce(k.loop_id, first_loop) INTO loop_id FROM idempotency k
      WHERE k.platform_id = tenant() AND k.id = i;
  END IF;
  IF code <> 'new' THEN RETURN; END IF;
  loop_id := first_loop;
  LOOP
    SELECT max(CASE WHEN h.status = 'P' THEN 'infinity' ELSE coalesce(h.resolved_at, h.created_at) END)
      INTO latest FROM hold h
      WHERE h.platform_id = tenant() AND h.loop_id = idempotency_begin.loop_id;
    EXIT WHEN latest IS NULL OR latest > in_ms(-results_ms);
    uses := uses + 1;
    loop_id := md5(first_loop || '/use/' || uses)::uuid;
  END LOOP;
  IF uses > 0 THEN
    UPDATE idempotency k SET loop_id = idempotency_begin.loop_id
      WHERE k.platform_id = tenant() AND k.id = i;
  END IF;
END $$;
COMMENT ON FUNCTION idempotency_begin(uuid, bytea, uuid, text, bigint, bigint, boolean, uuid, bigint) IS
  'Claims a keyed request, or finds its answer.';
COMMENT ON FUNCTION idempotency_begin(uuid, bytea, uuid, text, bigint, bigint, boolean) IS
  'Part of the other one.';
