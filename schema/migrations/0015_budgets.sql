-- End users' budgets, complete: a ledger of their own, top-ups and debits, automatic replenishing,
-- thresholds, and the events that tell of them (requirements I14-I19, I29).
--
-- A window's limit is its own: it begins with the budget's amount, and top-ups, debits and
-- replenishments move it until the window ends. Every move is a row of budget_transaction, whose sum
-- is what remains. Use is booked by a trigger, wherever it comes from: one row per user and
-- statement. All of it happens under the lock of the platform's wallet row.

ALTER TABLE budget
  ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
  ADD COLUMN auto_replenish boolean NOT NULL DEFAULT false,
  ADD COLUMN replenish_amount bigint CHECK (replenish_amount > 0),
  ADD COLUMN low_balance_threshold bigint CHECK (low_balance_threshold >= 0),
  ADD CHECK (NOT auto_replenish OR replenish_amount IS NOT NULL);
COMMENT ON COLUMN budget.replenish_amount IS
  'Micro-US-dollars added when an admission would be refused for want of budget.';
COMMENT ON COLUMN budget.low_balance_threshold IS
  'Micro-US-dollars; what remains falling to it is an event. Null: no event.';

ALTER TABLE budget_window
  ADD COLUMN debited bigint NOT NULL DEFAULT 0 CHECK (debited >= 0),
  ADD COLUMN is_low boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN budget_window.lim IS
  'Micro-US-dollars that calls may use in this window: its maximum less what was debited.';
COMMENT ON COLUMN budget_window.debited IS 'Micro-US-dollars taken by the platform itself.';
COMMENT ON COLUMN budget_window.is_low IS
  'The low-balance event was sent; false again when more than the threshold remains.';

CREATE TABLE budget_transaction (
  id          bigint GENERATED ALWAYS AS IDENTITY,
  platform_id uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  end_user_id uuid NOT NULL,
  budget_id   uuid NOT NULL,
  win         date NOT NULL,
  type        text NOT NULL CHECK (type IN ('opening', 'top_up', 'replenish', 'debit', 'usage',
    'adjustment', 'suspended', 'unsuspended')),
  amount      bigint NOT NULL,
  max_after   bigint NOT NULL,
  used_after  bigint NOT NULL,
  reason      text,
  metadata    jsonb NOT NULL DEFAULT '{}',
  operation   uuid,
  at          timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (platform_id, id),
  FOREIGN KEY (end_user_id, win) REFERENCES budget_window ON UPDATE CASCADE ON DELETE CASCADE,
  CHECK (CASE type WHEN 'opening' THEN amount > 0 WHEN 'top_up' THEN amount > 0
              WHEN 'replenish' THEN amount > 0 WHEN 'debit' THEN amount < 0
              WHEN 'usage' THEN amount < 0 WHEN 'adjustment' THEN true ELSE amount = 0 END)
);
COMMENT ON TABLE budget_transaction IS
  'Every move of a budget, append-only; goes only with its end user. What remains of a window is the '
  'sum of its rows.';
COMMENT ON COLUMN budget_transaction.amount IS 'Micro-US-dollars by which what remains changed.';
COMMENT ON COLUMN budget_transaction.max_after IS 'Micro-US-dollars.';
COMMENT ON COLUMN budget_transaction.used_after IS 'Micro-US-dollars.';
COMMENT ON COLUMN budget_transaction.operation IS
  'The keyed request that asked for it: a repetition whose first answer was lost finds the row.';
CREATE UNIQUE INDEX budget_transaction_operation ON budget_transaction (platform_id, operation)
  WHERE operation IS NOT NULL;
CREATE INDEX budget_transaction_page ON budget_transaction (end_user_id, id DESC);
ALTER TABLE budget_transaction ENABLE ROW LEVEL SECURITY;
ALTER TABLE budget_transaction FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON budget_transaction TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON budget_transaction TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON budget_transaction TO callboard_app, callboard_system;

-- -- how they look ------------------------------------------------------------

CREATE FUNCTION budget_transaction_json(x budget_transaction) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', x.id::text, 'budget_id', x.budget_id, 'type', x.type,
    'amount_usd', usd_text(x.amount), 'max_usd_after', usd_text(x.max_after),
    'used_usd_after', usd_text(x.used_after),
    'remaining_usd_after', usd_text(x.max_after - x.used_after), 'reason', x.reason,
    'metadata', x.metadata, 'created_at', iso_utc(x.at)) $$;
COMMENT ON FUNCTION budget_transaction_json(budget_transaction) IS
  'A move of a budget as the REST API shows it.';

CREATE FUNCTION budget_json(b budget) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', b.id, 'platform_id', b.platform_id,
    'end_user_id', b.end_user_id, 'max_usd', usd_text(coalesce(w.lim + w.debited, b.max_amount)),
    'used_usd', usd_text(coalesce(w.spent + w.debited, 0)),
    'remaining_usd', usd_text(coalesce(w.lim - w.spent, b.max_amount)), 'period', b.period,
    'period_start', iso_utc(CASE b.period WHEN 'one_time' THEN b.created_at
      ELSE budget_win(b.period)::timestamp AT TIME ZONE 'UTC' END),
    'auto_replenish', b.auto_replenish, 'replenish_amount', usd_text(b.replenish_amount),
    'low_balance_threshold', usd_text(b.low_balance_threshold), 'is_active', true,
    'is_suspended', b.is_suspended, 'created_at', iso_utc(b.created_at))
  FROM (SELECT) one LEFT JOIN budget_window w
    ON w.end_user_id = b.end_user_id AND w.win = budget_win(b.period) $$;
COMMENT ON FUNCTION budget_json(budget) IS 'A budget in its present window as the REST API shows it.';

-- -- moves --------------------------------------------------------------------

-- Writes the row of a move after which the window is `w`, and its event; the row's id.
CREATE FUNCTION budget_note(b budget, w budget_window, kind text, amt bigint, why text, meta jsonb,
  op uuid DEFAULT NULL) RETURNS budget_transaction LANGUAGE plpgsql AS $$
DECLARE x budget_transaction; event text;
BEGIN
  INSERT INTO budget_transaction (platform_id, end_user_id, budget_id, win, type, amount, max_after,
      used_after, reason, metadata, operation)
    VALUES (b.platform_id, b.end_user_id, b.id, w.win, kind, amt, w.lim + w.debited,
      w.spent + w.debited, why, coalesce(meta, '{}'), op) RETURNING * INTO x;
  event := CASE kind WHEN 'top_up' THEN 'budget.topped_up' WHEN 'replenish' THEN 'budget.topped_up'
    WHEN 'debit' THEN 'budget.debited' WHEN 'usage' THEN 'budget.debited'
    WHEN 'suspended' THEN 'budget.suspended' WHEN 'unsuspended' THEN 'budget.unsuspended' END;
  IF event IS NOT NULL THEN PERFORM budget_event(x, event); END IF;
  RETURN x;
END $$;
COMMENT ON FUNCTION budget_note(budget, budget_window, text, bigint, text, jsonb, uuid) IS
  'Writes a move of a budget into its ledger.';

CREATE FUNCTION budget_event(x budget_transaction, event text) RETURNS uuid LANGUAGE sql AS $$
  SELECT event_publish(x.platform_id, event, x.id || ':' || event, json_build_object(
    'platform_id', x.platform_id, 'end_user_id', x.end_user_id, 'budget_id', x.budget_id,
    'transaction_id', x.id::text, 'type', x.type, 'amount_usd', usd_text(x.amount),
    'max_usd_after', usd_text(x.max_after), 'used_usd_after', usd_text(x.used_after),
    'remaining_usd_after', usd_text(x.max_after - x.used_after), 'reason', x.reason,
    'metadata', x.metadata), event = 'budget.debited') $$;
COMMENT ON FUNCTION budget_event(budget_transaction, text) IS 'Tells the platform of a move.';

-- Whether a window is low after the move `x`. Falling to the threshold is told once; more than the
-- threshold makes ready for the next time. Windows of the past fall silently.
CREATE FUNCTION budget_is_low(b budget, w budget_window, x budget_transaction) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  IF b.low_balance_threshold IS NULL OR w.lim - w.spent > b.low_balance_threshold THEN
    RETURN false;
  END IF;
  IF w.is_low OR x.amount >= 0 OR w.win <> budget_win(b.period) THEN RETURN w.is_low; END IF;
  PERFORM budget_event(x, 'budget.low_balance');
  RETURN true;
END $$;
COMMENT ON FUNCTION budget_is_low(budget, budget_window, budget_transaction) IS
  'Part of every move of a budget.';

-- The present window of a budget, made when it is missing, and locked.
CREATE FUNCTION budget_window_now(b budget) RETURNS budget_window LANGUAGE plpgsql AS $$
DECLARE w budget_window;
BEGIN
  INSERT INTO budget_window (end_user_id, platform_id, win, lim)
    VALUES (b.end_user_id, b.platform_id, budget_win(b.period), b.max_amount)
    ON CONFLICT DO NOTHING;
  SELECT * INTO w FROM budget_window x
    WHERE x.end_user_id = b.end_user_id AND x.win = budget_win(b.period) FOR UPDATE;
  RETURN w;
END $$;
COMMENT ON FUNCTION budget_window_now(budget) IS 'The present window of a budget, locked.';

-- Moves what remains of the present window by `amt`. The caller holds the wallet lock and has
-- checked that it may.
CREATE FUNCTION budget_move(b budget, kind text, amt bigint, why text, meta jsonb,
  op uuid DEFAULT NULL) RETURNS budget_transaction LANGUAGE plpgsql AS $$
DECLARE w budget_window; x budget_transaction;
BEGIN
  w := budget_window_now(b);
  w.lim := w.lim + amt;
  IF kind = 'debit' THEN w.debited := w.debited - amt; END IF;
  x := budget_note(b, w, kind, amt, why, meta, op);
  w.is_low := budget_is_low(b, w, x);
  UPDATE budget_window SET lim = w.lim, debited = w.debited, is_low = w.is_low,
      overrun = greatest(overrun, reserved + spent - w.lim)
    WHERE end_user_id = w.end_user_id AND win = w.win;
  RETURN x;
END $$;
COMMENT ON FUNCTION budget_move(budget, text, bigint, text, jsonb, uuid) IS
  'Moves what remains of a budget, with its ledger row and its events.';

-- -- what follows from changes ------------------------------------------------

CREATE FUNCTION budget_window_opened() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM budget_note(b, new, 'opening', new.lim, NULL, NULL) FROM budget b
    WHERE b.end_user_id = new.end_user_id;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION budget_window_opened() IS 'The opening balance of a window is a row.';
CREATE TRIGGER opening_row AFTER INSERT ON budget_window
  FOR EACH ROW EXECUTE FUNCTION budget_window_opened();

CREATE FUNCTION budget_window_used() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE b budget;
BEGIN
  SELECT * INTO b FROM budget WHERE end_user_id = new.end_user_id;
  new.is_low := budget_is_low(b, new,
    budget_note(b, new, 'usage', old.spent - new.spent, NULL, NULL));
  RETURN new;
END $$;
COMMENT ON FUNCTION budget_window_used() IS 'Use of a budget is a row, one per statement.';
CREATE TRIGGER usage_row BEFORE UPDATE OF spent ON budget_window
  FOR EACH ROW WHEN (new.spent <> old.spent) EXECUTE FUNCTION budget_window_used();

CREATE FUNCTION budget_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE w budget_window; why text := nullif(current_setting('callboard.reason', true), '');
BEGIN
  w := budget_window_now(new);
  IF TG_OP = 'INSERT' THEN RETURN NULL; END IF;
  IF new.max_amount <> old.max_amount AND w.lim + w.debited <> new.max_amount THEN
    PERFORM budget_move(new, 'adjustment', new.max_amount - w.lim - w.debited, why, NULL);
  END IF;
  -- Another threshold tells nothing by itself, but makes ready when there is more than that.
  UPDATE budget_window SET is_low = false WHERE end_user_id = w.end_user_id AND win = w.win
    AND is_low AND lim - spent > new.low_balance_threshold;
  IF new.is_suspended <> old.is_suspended THEN
    PERFORM budget_note(new, budget_window_now(new),
      CASE WHEN new.is_suspended THEN 'suspended' ELSE 'unsuspended' END, 0, why, NULL);
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION budget_changed() IS
  'Opens the first window of a budget; a changed maximum holds in the present window too.';
CREATE TRIGGER moves AFTER INSERT OR UPDATE ON budget
  FOR EACH ROW EXECUTE FUNCTION budget_changed();

-- Budgets that were there before: their windows get the rows that explain them.
SET LOCAL ROLE callboard_system;
UPDATE budget_window w SET lim = b.max_amount,
    overrun = greatest(w.overrun, w.reserved + w.spent - b.max_amount)
  FROM budget b WHERE b.end_user_id = w.end_user_id AND w.win = budget_win(b.period)
    AND w.lim <> b.max_amount;
INSERT INTO budget_transaction (platform_id, end_user_id, budget_id, win, type, amount, max_after,
    used_after)
  SELECT w.platform_id, w.end_user_id, b.id, w.win, x.type, x.amount, w.lim, x.used_after
  FROM budget_window w JOIN budget b USING (end_user_id) CROSS JOIN LATERAL (VALUES
    (1, 'opening', w.lim, 0::bigint), (2, 'usage', -w.spent, w.spent)) x (n, type, amount, used_after)
  WHERE x.amount <> 0 ORDER BY w.win, x.n;
RESET ROLE;

-- -- admission ----------------------------------------------------------------

-- As before, from the window's own limit. `may_add`: when the budget has no room, a budget with
-- auto_replenish gets its replenish_amount as often as the call needs, ten times at most, in the
-- same transaction; when that is not enough, the call is refused and nothing changes.
CREATE FUNCTION budget_hold(t uuid, u uuid, amt bigint, p platform, may_add boolean,
  OUT code text, OUT win date)
LANGUAGE plpgsql AS $$
DECLARE
  b budget; w budget_window; room bigint; times bigint;
  times_max CONSTANT bigint := 10;
BEGIN
  code := 'ok';
  IF u IS NULL THEN RETURN; END IF;
  SELECT * INTO b FROM budget WHERE end_user_id = u AND platform_id = t;
  IF NOT FOUND THEN
    IF p.default_budget IS NULL THEN RETURN; END IF;
    INSERT INTO budget (end_user_id, platform_id, max_amount) VALUES (u, t, p.default_budget)
      RETURNING * INTO b;
  END IF;
  IF b.is_suspended THEN code := 'suspended'; RETURN; END IF;
  w := budget_window_now(b);
  win := w.win;
  room := w.lim - w.reserved - w.spent;
  IF room <= 0 OR (p.strict_mode AND amt > room) THEN
    times := (CASE WHEN p.strict_mode THEN amt ELSE 1 END - room + b.replenish_amount - 1)
      / b.replenish_amount;
    IF NOT (may_add AND b.auto_replenish AND times <= times_max) THEN
      code := 'over_budget'; RETURN;
    END IF;
    PERFORM budget_move(b, 'replenish', times * b.replenish_amount, 'auto_replenish', NULL);
    room := room + times * b.replenish_amount;
  END IF;
  UPDATE budget_window x SET reserved = reserved + amt, overrun = greatest(0, amt - room)
    WHERE x.end_user_id = u AND x.win = budget_hold.win;
END $$;
COMMENT ON FUNCTION budget_hold(uuid, uuid, bigint, platform, boolean) IS
  'Part of wallet_reserve and block_reserve.';

CREATE OR REPLACE FUNCTION budget_reserve(t uuid, u uuid, amt bigint, p platform, OUT code text,
  OUT win date) LANGUAGE sql AS $$
  SELECT h.code, h.win FROM budget_hold(t, u, amt, p, true) h $$;

CREATE OR REPLACE FUNCTION budget_refusal(u uuid, OUT remaining bigint, OUT resets_at timestamptz)
LANGUAGE sql STABLE AS $$
  SELECT coalesce(w.lim - w.reserved - w.spent, b.max_amount),
    CASE b.period WHEN 'daily' THEN (budget_win('daily') + 1)::timestamp AT TIME ZONE 'UTC'
      WHEN 'monthly' THEN (month_utc() + interval '1 month')::timestamp AT TIME ZONE 'UTC' END
  FROM budget b LEFT JOIN budget_window w
    ON w.end_user_id = b.end_user_id AND w.win = budget_win(b.period)
  WHERE b.end_user_id = u $$;

-- As before, but a block never replenishes a budget: money that only lies ready is no reason to add
-- more. The call that finds no room takes a hold of its own, which does.
CREATE OR REPLACE FUNCTION block_reserve(t uuid, e bigint, tok uuid, b uuid, u uuid, wanted bigint,
  needed bigint, ttl_ms bigint, freelim int, OUT code text, OUT amount bigint, OUT usable_ms bigint,
  OUT balance bigint, OUT available bigint, OUT free_left bigint, OUT rules bigint)
LANGUAGE plpgsql AS $$
DECLARE
  w wallet; p platform; bwin date; per text; ask bigint;
BEGIN
  amount := 0;
  SELECT * INTO w FROM wallet WHERE platform_id = t FOR UPDATE;
  IF NOT FOUND THEN code := 'no_wallet'; RETURN; END IF;
  SELECT s.balance, s.available, s.free_left, s.rules INTO balance, available, free_left, rules
    FROM wallet_standing(t, freelim) s;
  IF w.epoch <> e OR w.token IS DISTINCT FROM tok THEN code := 'fenced'; RETURN; END IF;
  IF NOT w.is_active THEN code := 'inactive'; RETURN; END IF;
  SELECT * INTO p FROM platform WHERE id = t;
  IF u IS NOT NULL THEN
    SELECT budget.period INTO per FROM budget WHERE end_user_id = u AND platform_id = t;
    IF NOT FOUND AND p.default_budget IS NULL THEN code := 'shared'; RETURN; END IF;
    per := coalesce(per, 'one_time');
  END IF;
  PERFORM 1 FROM hold WHERE platform_id = t AND id = b AND (kind <> 'block' OR status <> 'P'
    OR end_user_id IS DISTINCT FROM u
    OR budget_win IS DISTINCT FROM CASE WHEN u IS NOT NULL THEN budget_win(per) END);
  IF FOUND THEN code := 'ended'; RETURN; END IF;
  ask := least(wanted, greatest(needed, available / 2));
  IF available < ask THEN ask := needed; END IF;
  IF available < ask THEN code := 'short'; RETURN; END IF;
  -- Strictly, with smaller wishes until one fits.
  p.strict_mode := true;
  LOOP
    SELECT r.code, r.win INTO code, bwin FROM budget_hold(t, u, ask, p, false) r;
    EXIT WHEN code <> 'over_budget' OR ask = needed;
    ask := greatest(needed, ask / 4);
  END LOOP;
  IF code <> 'ok' THEN RETURN; END IF;
  usable_ms := CASE per
    WHEN 'daily' THEN ms_until((budget_win('daily') + 1)::timestamp AT TIME ZONE 'UTC')
    WHEN 'monthly' THEN ms_until((month_utc() + interval '1 month')::timestamp AT TIME ZONE 'UTC')
    ELSE ttl_ms END;
  UPDATE wallet SET debits_pending = debits_pending + ask WHERE platform_id = t;
  UPDATE hold SET amount = hold.amount + ask, expires_at = in_ms(ttl_ms)
    WHERE platform_id = t AND id = b AND kind = 'block' AND status = 'P'
      AND end_user_id IS NOT DISTINCT FROM u AND budget_win IS NOT DISTINCT FROM bwin;
  IF NOT FOUND THEN
    INSERT INTO hold (id, platform_id, epoch, req_hash, kind, end_user_id, subject, request_id, win,
        budget_win, free, strict_mode, amount, expires_at)
      VALUES (b, t, e, '', 'block', u, 'tool calls', '', month_utc(), bwin, false, p.strict_mode,
              ask, in_ms(ttl_ms));
  END IF;
  amount := ask; available := available - ask;
END $$;
-- -- what platforms do --------------------------------------------------------

-- Codes: ok | not_found (no such end user) | exists.
CREATE FUNCTION budget_create(t uuid, u uuid, amt bigint, per text, auto boolean, add_amt bigint,
  low bigint, who text, OUT code text, OUT body jsonb)
LANGUAGE plpgsql AS $$
DECLARE b budget;
BEGIN
  PERFORM 1 FROM wallet WHERE platform_id = t FOR UPDATE;
  PERFORM 1 FROM end_user WHERE id = u AND platform_id = t;
  IF NOT FOUND THEN code := 'not_found'; RETURN; END IF;
  INSERT INTO budget (end_user_id, platform_id, max_amount, period, auto_replenish,
      replenish_amount, low_balance_threshold)
    VALUES (u, t, amt, per, auto, add_amt, low) ON CONFLICT DO NOTHING RETURNING * INTO b;
  IF NOT FOUND THEN code := 'exists'; RETURN; END IF;
  INSERT INTO audit (platform_id, actor, action, subject) VALUES (t, who, 'budget.create', u::text);
  code := 'ok'; body := budget_json(b);
END $$;
COMMENT ON FUNCTION budget_create(uuid, uuid, bigint, text, boolean, bigint, bigint, text) IS
  'Gives an end user a budget.';

-- Null leaves a field as it is; `no_low` takes the threshold away. Codes: ok | not_found |
-- no_amount (auto_replenish without replenish_amount).
CREATE FUNCTION budget_update(t uuid, u uuid, amt bigint, per text, suspend boolean, auto boolean,
  add_amt bigint, low bigint, no_low boolean, why text, who text, OUT code text, OUT body jsonb)
LANGUAGE plpgsql AS $$
DECLARE b budget;
BEGIN
  PERFORM 1 FROM wallet WHERE platform_id = t FOR UPDATE;
  SELECT * INTO b FROM budget WHERE end_user_id = u AND platform_id = t FOR UPDATE;
  IF NOT FOUND THEN code := 'not_found'; RETURN; END IF;
  IF coalesce(auto, b.auto_replenish) AND coalesce(add_amt, b.replenish_amount) IS NULL THEN
    code := 'no_amount'; RETURN;
  END IF;
  PERFORM set_config('callboard.reason', coalesce(why, ''), true);
  UPDATE budget SET max_amount = coalesce(amt, max_amount), period = coalesce(per, period),
      is_suspended = coalesce(suspend, is_suspended),
      auto_replenish = coalesce(auto, auto_replenish),
      replenish_amount = coalesce(add_amt, replenish_amount),
      low_balance_threshold = CASE WHEN no_low THEN NULL ELSE coalesce(low, low_balance_threshold) END,
      updated_at = clock_timestamp()
    WHERE end_user_id = u RETURNING * INTO b;
  -- The maximum that a platform names holds even when it is the amount that was there before.
  IF amt IS NOT NULL THEN
    PERFORM budget_move(b, 'adjustment', amt - w.lim - w.debited, why, NULL)
      FROM budget_window w WHERE w.end_user_id = u AND w.win = budget_win(b.period)
        AND w.lim + w.debited <> amt;
  END IF;
  INSERT INTO audit (platform_id, actor, action, subject) VALUES (t, who, 'budget.update', u::text);
  code := 'ok'; body := budget_json(b);
END $$;
COMMENT ON FUNCTION budget_update(uuid, uuid, bigint, text, boolean, boolean, bigint, bigint, boolean,
  text, text) IS 'Changes an end user''s budget.';

-- The move that a keyed request has made already, as its first answer had it; null when there is none.
CREATE FUNCTION budget_moved(b budget, op uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT budget_json(b) || jsonb_build_object('transaction', budget_transaction_json(x))
  FROM budget_transaction x WHERE x.platform_id = b.platform_id AND x.operation = op $$;
COMMENT ON FUNCTION budget_moved(budget, uuid) IS 'Part of budget_topup and budget_debit.';

-- Once per operation (null: none is named). Codes: ok | not_found.
CREATE FUNCTION budget_topup(t uuid, u uuid, amt bigint, why text, meta jsonb, op uuid, who text,
  OUT code text, OUT body jsonb)
LANGUAGE plpgsql AS $$
DECLARE b budget; x budget_transaction;
BEGIN
  PERFORM 1 FROM wallet WHERE platform_id = t FOR UPDATE;
  SELECT * INTO b FROM budget WHERE end_user_id = u AND platform_id = t;
  IF NOT FOUND THEN code := 'not_found'; RETURN; END IF;
  body := budget_moved(b, op);
  IF body IS NOT NULL THEN code := 'ok'; RETURN; END IF;
  x := budget_move(b, 'top_up', amt, why, meta, op);
  INSERT INTO audit (platform_id, actor, action, subject) VALUES (t, who, 'budget.topup', u::text);
  code := 'ok';
  body := budget_json(b) || jsonb_build_object('transaction', budget_transaction_json(x));
END $$;
COMMENT ON FUNCTION budget_topup(uuid, uuid, bigint, text, jsonb, uuid, text) IS
  'Adds to what remains of a budget''s present window.';

-- Takes the whole amount or nothing, once per operation (null: none is named). Codes: ok | not_found | suspended | over_budget | held (there
-- is enough, but calls under way hold it; owners of blocks are told to give theirs back).
-- `remaining`: what could be taken now.
CREATE FUNCTION budget_debit(t uuid, u uuid, amt bigint, why text, meta jsonb, op uuid, who text,
  OUT code text, OUT body jsonb, OUT remaining bigint, OUT resets_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE b budget; w budget_window; x budget_transaction; times bigint;
BEGIN
  PERFORM 1 FROM wallet WHERE platform_id = t FOR UPDATE;
  SELECT * INTO b FROM budget WHERE end_user_id = u AND platform_id = t;
  IF NOT FOUND THEN code := 'not_found'; RETURN; END IF;
  body := budget_moved(b, op);
  IF body IS NOT NULL THEN code := 'ok'; RETURN; END IF;
  IF b.is_suspended THEN code := 'suspended'; RETURN; END IF;
  w := budget_window_now(b);
  remaining := w.lim - w.reserved - w.spent;
  IF amt > remaining THEN
    times := (amt - remaining + b.replenish_amount - 1) / b.replenish_amount;
    IF NOT (b.auto_replenish AND times <= 10) THEN
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
COMMENT ON FUNCTION budget_debit(uuid, uuid, bigint, text, jsonb, uuid, text) IS
  'Takes from what remains of a budget''s present window.';

-- -- invariants ---------------------------------------------------------------

ALTER FUNCTION ledger_verify() RENAME TO wallet_verify;
CREATE FUNCTION budget_verify() RETURNS TABLE (invariant text, violations bigint)
  LANGUAGE sql STABLE AS $$
  WITH l AS (
    SELECT end_user_id, win, sum(amount) AS remains,
      coalesce(-sum(amount) FILTER (WHERE type = 'usage'), 0) AS spent,
      coalesce(-sum(amount) FILTER (WHERE type = 'debit'), 0) AS debited
    FROM budget_transaction GROUP BY 1, 2
  )
  SELECT 'I14 budget state = sums of its ledger', count(*) FROM budget_window w
    LEFT JOIN l USING (end_user_id, win)
    WHERE w.lim - w.spent <> coalesce(l.remains, 0) OR w.spent <> coalesce(l.spent, 0)
      OR w.debited <> coalesce(l.debited, 0)
  UNION ALL
  SELECT 'I15 what remains after a row = sum of the budget''s rows so far', count(*)
    FROM (SELECT max_after - used_after AS remains,
            sum(amount) OVER (PARTITION BY end_user_id, win ORDER BY id) AS so_far
          FROM budget_transaction) x
    WHERE remains <> so_far $$;
COMMENT ON FUNCTION budget_verify() IS 'Part of ledger_verify.';
CREATE FUNCTION ledger_verify() RETURNS TABLE (invariant text, violations bigint)
  LANGUAGE sql STABLE AS $$
  SELECT * FROM wallet_verify() UNION ALL SELECT * FROM budget_verify() $$;
COMMENT ON FUNCTION ledger_verify() IS 'Counts of violated money invariants.';
COMMENT ON FUNCTION wallet_verify() IS 'Part of ledger_verify.';
