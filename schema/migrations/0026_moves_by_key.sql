-- A key that moved a budget names that move for ever, longer than its answer is kept. Asking for
-- another move under it is told (mismatch), where it had been answered ok and had done nothing.

DROP FUNCTION budget_moved(budget, uuid);

-- The move that a keyed request has made already, as its first answer had it. Codes: null (none yet) |
-- ok | mismatch (it moved something else).
CREATE FUNCTION budget_moved(b budget, op uuid, amt bigint, why text, meta jsonb, OUT code text,
  OUT body jsonb) LANGUAGE sql STABLE AS $$
  SELECT s.code, CASE s.code WHEN 'ok'
    THEN budget_json(b) || jsonb_build_object('transaction', budget_transaction_json(x)) END
  FROM budget_transaction x, LATERAL (SELECT CASE
    WHEN x.amount = amt AND x.reason IS NOT DISTINCT FROM why AND x.metadata = coalesce(meta, '{}')
    THEN 'ok' ELSE 'mismatch' END) s(code)
  WHERE x.platform_id = b.platform_id AND x.operation = op $$;
COMMENT ON FUNCTION budget_moved(budget, uuid, bigint, text, jsonb) IS
  'Part of budget_topup and budget_debit.';

-- As before, with one code more: mismatch.
CREATE OR REPLACE FUNCTION budget_topup(t uuid, u uuid, amt bigint, why text, meta jsonb, op uuid,
  who text, OUT code text, OUT body jsonb)
LANGUAGE plpgsql AS $$
DECLARE b budget; x budget_transaction;
BEGIN
  PERFORM 1 FROM wallet WHERE platform_id = t FOR UPDATE;
  SELECT * INTO b FROM budget WHERE end_user_id = u AND platform_id = t;
  IF NOT FOUND THEN code := 'not_found'; RETURN; END IF;
  SELECT m.code, m.body INTO code, body FROM budget_moved(b, op, amt, why, meta) m;
  IF code IS NOT NULL THEN RETURN; END IF;
  x := budget_move(b, 'top_up', amt, why, meta, op);
  INSERT INTO audit (platform_id, actor, action, subject) VALUES (t, who, 'budget.topup', u::text);
  code := 'ok';
  body := budget_json(b) || jsonb_build_object('transaction', budget_transaction_json(x));
END $$;

-- As before, with one code more: mismatch. And money that calls under way hold, or that lies ready for
-- calls to come, is no reason to replenish.
CREATE OR REPLACE FUNCTION budget_debit(t uuid, u uuid, amt bigint, why text, meta jsonb, op uuid,
  who text, OUT code text, OUT body jsonb, OUT remaining bigint, OUT resets_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE b budget; w budget_window; x budget_transaction; times bigint;
BEGIN
  PERFORM 1 FROM wallet WHERE platform_id = t FOR UPDATE;
  SELECT * INTO b FROM budget WHERE end_user_id = u AND platform_id = t;
  IF NOT FOUND THEN code := 'not_found'; RETURN; END IF;
  SELECT m.code, m.body INTO code, body FROM budget_moved(b, op, -amt, why, meta) m;
  IF code IS NOT NULL THEN RETURN; END IF;
  IF b.is_suspended THEN code := 'suspended'; RETURN; END IF;
  w := budget_window_now(b);
  remaining := w.lim - w.reserved - w.spent;
  IF amt > remaining THEN
    times := (amt - remaining + b.replenish_amount - 1) / b.replenish_amount;
    IF amt <= w.lim - w.spent OR NOT (b.auto_replenish AND times <= 10) THEN
      code := CASE WHEN amt > w.lim - w.spent THEN 'over_budget' ELSE 'held' END;
      SELECT r.resets_at INTO resets_at FROM budget_refusal(u) r;
      IF code = 'held' THEN
        UPDATE wallet SET rules_version = rules_version + 1 WHERE platform_id = t;
      END IF;
      RETURN;
    END IF;
    PERFORM budget_move(b, 'replenish', times * b.replenish_amount, 'auto_replenish', NULL);
    remaining := remaining + times * b.replenish_amount;
  END IF;
  x := budget_move(b, 'debit', -amt, why, meta, op);
  INSERT INTO audit (platform_id, actor, action, subject) VALUES (t, who, 'budget.debit', u::text);
  code := 'ok'; remaining := remaining - amt;
  body := budget_json(b) || jsonb_build_object('transaction', budget_transaction_json(x));
END $$;
