-- Requests that may be repeated (I33): the answer to a keyed request, and what a paid piece of work
-- gave, so that a repetition costs nothing and does nothing twice.

CREATE TABLE idempotency (
  id             uuid NOT NULL,
  platform_id    uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  request_hash   bytea NOT NULL CHECK (octet_length(request_hash) = 32),
  attempt        uuid NOT NULL,
  node           text NOT NULL,
  lease_until    timestamptz NOT NULL,
  answer_status  int CHECK (answer_status BETWEEN 200 AND 599),
  answer_headers jsonb,
  secret_sealed  bytea,
  created_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at     timestamptz NOT NULL,
  PRIMARY KEY (platform_id, id),
  CHECK ((answer_status IS NULL) = (answer_headers IS NULL)),
  CHECK ((answer_status IS NULL) = (secret_sealed IS NULL))
);
COMMENT ON TABLE idempotency IS
  'Keyed requests: one row per caller, path and Idempotency-Key; without an answer while it runs.';
COMMENT ON COLUMN idempotency.id IS 'Derives from caller, path and key (core/base/idempotency.hpp).';
COMMENT ON COLUMN idempotency.request_hash IS 'SHA-256 of the request.';
COMMENT ON COLUMN idempotency.attempt IS 'Who runs it: only this one may put the answer in.';
COMMENT ON COLUMN idempotency.node IS 'The node of the attempt.';
COMMENT ON COLUMN idempotency.lease_until IS 'Afterwards a repetition takes over.';
COMMENT ON COLUMN idempotency.secret_sealed IS
  'The body of the answer, sealed for (idempotency, id): answers can hold a new API key.';
CREATE INDEX idempotency_expired ON idempotency (expires_at);
ALTER TABLE idempotency ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON idempotency TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON idempotency TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency TO callboard_app, callboard_system;

CREATE TABLE hold_result (
  hold_id     uuid NOT NULL,
  platform_id uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  body        text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (platform_id, hold_id)
);
COMMENT ON TABLE hold_result IS
  'What a settled keyed call or turn gave, written with its settlement: a repetition goes on from '
  'there instead of paying again.';
CREATE INDEX hold_result_age ON hold_result (created_at);
ALTER TABLE hold_result ENABLE ROW LEVEL SECURITY;
ALTER TABLE hold_result FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON hold_result TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON hold_result TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON hold_result TO callboard_app, callboard_system;

CREATE TABLE operation_effect (
  id          uuid NOT NULL,
  platform_id uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  body        jsonb NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (platform_id, id)
);
COMMENT ON TABLE operation_effect IS
  'What a keyed change of money did, written with the change: a repetition whose first answer was '
  'lost with its node finds it here and changes nothing.';
COMMENT ON COLUMN operation_effect.id IS 'As in idempotency.';
CREATE INDEX operation_effect_age ON operation_effect (created_at);
ALTER TABLE operation_effect ENABLE ROW LEVEL SECURITY;
ALTER TABLE operation_effect FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON operation_effect TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON operation_effect TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON operation_effect TO callboard_app, callboard_system;

-- Claims a keyed request for attempt `a` on node `n`. Codes: new | again (an earlier attempt is
-- over without an answer) | running | done (with the answer) | mismatch. `alone`: no other node can
-- hold a claim, so those of another node name are dead.
CREATE FUNCTION idempotency_begin(i uuid, rh bytea, a uuid, n text, lease_ms bigint, keep_ms bigint,
  alone boolean, OUT code text, OUT answer_status int, OUT answer_headers jsonb,
  OUT secret_sealed bytea)
LANGUAGE plpgsql AS $$
DECLARE x idempotency;
BEGIN
  DELETE FROM idempotency k
    WHERE k.platform_id = tenant() AND k.id = i AND k.expires_at < clock_timestamp();
  INSERT INTO idempotency (id, request_hash, attempt, node, lease_until, expires_at)
    VALUES (i, rh, a, n, in_ms(lease_ms), in_ms(keep_ms)) ON CONFLICT DO NOTHING;
  IF FOUND THEN code := 'new'; RETURN; END IF;
  SELECT * INTO x FROM idempotency k WHERE k.platform_id = tenant() AND k.id = i FOR UPDATE;
  IF NOT FOUND THEN code := 'running'; RETURN; END IF; -- released this moment: ask again
  IF x.request_hash <> rh THEN code := 'mismatch'; RETURN; END IF;
  IF x.answer_status IS NOT NULL THEN
    code := 'done'; answer_status := x.answer_status; answer_headers := x.answer_headers;
    secret_sealed := x.secret_sealed;
    RETURN;
  END IF;
  IF x.lease_until > clock_timestamp() AND NOT (alone AND x.node <> n) THEN
    code := 'running'; RETURN;
  END IF;
  UPDATE idempotency k SET attempt = a, node = n, lease_until = in_ms(lease_ms)
    WHERE k.platform_id = tenant() AND k.id = i;
  code := 'again';
END $$;
COMMENT ON FUNCTION idempotency_begin(uuid, bytea, uuid, text, bigint, bigint, boolean) IS
  'Claims a keyed request, or finds its answer.';

-- The owner of a database that belongs to one process ends what its former life left: blocks as
-- before, and now the holds of work that died with that process, at what they had reported.
CREATE OR REPLACE FUNCTION wallet_acquire(t uuid, n text, tok uuid, alone boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE e bigint; former text; x record;
BEGIN
  SELECT w.node INTO former FROM wallet w WHERE w.platform_id = t FOR UPDATE;
  UPDATE wallet SET epoch = epoch + 1, token = tok, node = n, acquired_at = now()
    WHERE platform_id = t RETURNING epoch INTO e;
  IF alone THEN
    FOR x IN SELECT id, checkpoint FROM hold WHERE platform_id = t AND status = 'P'
        AND (kind = 'block' OR former IS DISTINCT FROM n) ORDER BY seq LOOP
      PERFORM * FROM wallet_resolve(t, x.id,
        CASE WHEN x.checkpoint IS NULL THEN 'E'::"char" ELSE 'S'::"char" END, x.checkpoint,
        jsonb_build_object('status', 'interrupted', 'estimated', true,
          'error_message', 'The node that did the work died.'));
    END LOOP;
  END IF;
  RETURN e;
END $$;

-- Ends a hold as wallet_resolve does, keeps what the work gave, and books a real cost that comes
-- after the hold had been given up: as a settled hold of its own, once, charged in full, in strict
-- mode only as far as there is money (facts reliability.md 5.1, late settlement). Code then: late.
CREATE FUNCTION hold_end(t uuid, h uuid, how "char", actual bigint, l jsonb, gave text,
  OUT code text, OUT status text, OUT charged bigint, OUT overage bigint, OUT balance bigint)
LANGUAGE plpgsql AS $$
DECLARE
  x hold; w wallet; late uuid := md5('late/' || h)::uuid; bwin date; pay bigint; strict_now boolean;
BEGIN
  SELECT r.code, r.status, r.charged, r.overage, r.balance
    INTO code, status, charged, overage, balance FROM wallet_resolve(t, h, how, actual, l) r;
  IF how = 'S' AND code = 'settled' AND gave IS NOT NULL THEN
    INSERT INTO hold_result (hold_id, platform_id, body) VALUES (h, t, gave)
      ON CONFLICT DO NOTHING;
  END IF;
  IF how <> 'S' OR code <> 'already' OR status NOT IN ('V', 'E') OR actual = 0 THEN RETURN; END IF;
  SELECT * INTO x FROM hold k WHERE k.platform_id = t AND k.id = h;
  IF x.free OR x.kind = 'block' THEN RETURN; END IF;
  SELECT * INTO w FROM wallet k WHERE k.platform_id = t; -- locked by wallet_resolve
  SELECT p.strict_mode INTO strict_now FROM platform p WHERE p.id = t;
  pay := CASE WHEN strict_now
    THEN greatest(0, least(actual, w.credits_posted - w.debits_posted - w.debits_pending))
    ELSE actual END;
  SELECT budget_win(g.period) INTO bwin FROM budget g WHERE g.end_user_id = x.end_user_id;
  INSERT INTO budget_window (end_user_id, platform_id, win, lim)
    SELECT g.end_user_id, t, bwin, g.max_amount FROM budget g WHERE g.end_user_id = x.end_user_id
    ON CONFLICT DO NOTHING;
  INSERT INTO hold (id, platform_id, epoch, req_hash, kind, end_user_id, subject, request_id,
      price_id, prices, win, budget_win, free, strict_mode, amount, status, settled, overage,
      expires_at, resolved_at)
    VALUES (late, t, w.epoch, x.req_hash, x.kind, x.end_user_id, x.subject, x.request_id, x.price_id,
      x.prices, month_utc(), bwin, false, strict_now, 0, 'S', pay, actual, clock_timestamp(),
      clock_timestamp())
    ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN; END IF; -- booked before
  UPDATE wallet SET debits_posted = debits_posted + pay,
      overdraft = greatest(overdraft, debits_posted + pay + debits_pending - credits_posted),
      updated_at = now()
    WHERE platform_id = t;
  UPDATE budget_window b SET spent = b.spent + pay,
      overrun = greatest(b.overrun, b.reserved + b.spent + pay - b.lim)
    WHERE b.end_user_id = x.end_user_id AND b.win = bwin;
  code := 'late'; status := 'S'; charged := pay; overage := actual; balance := balance - pay;
  INSERT INTO ledger (platform_id, hold_id, end_user_id, type, amount, balance_after, counterpart,
      description)
    VALUES (t, late, x.end_user_id, x.kind || '_usage', -pay, balance, 'revenue', x.subject);
  SELECT * INTO x FROM hold k WHERE k.platform_id = t AND k.id = late;
  PERFORM hold_log(x, 'S', pay, l);
END $$;
COMMENT ON FUNCTION hold_end(uuid, uuid, "char", bigint, jsonb, text) IS
  'Ends a hold once, keeps its result, and books a real cost that comes too late for it.';

-- The same for several in one transaction: [{id, how, actual, log, result}].
DROP FUNCTION wallet_resolve_many(uuid, jsonb);
CREATE FUNCTION hold_end_many(t uuid, items jsonb)
RETURNS TABLE (n bigint, code text, status text, charged bigint, overage bigint, balance bigint)
LANGUAGE plpgsql AS $$
DECLARE
  i record; r record;
BEGIN
  FOR i IN SELECT x.value AS item, x.ordinality - 1 AS at
           FROM jsonb_array_elements(items) WITH ORDINALITY x LOOP
    SELECT * INTO r FROM hold_end(t, (i.item->>'id')::uuid, (i.item->>'how')::"char",
      (i.item->>'actual')::bigint, nullif(i.item->'log', 'null'::jsonb), i.item->>'result');
    n := i.at; code := r.code; status := r.status; charged := r.charged; overage := r.overage;
    balance := r.balance;
    RETURN NEXT;
  END LOOP;
END $$;
COMMENT ON FUNCTION hold_end_many(uuid, jsonb) IS 'hold_end for each item, in one transaction.';
