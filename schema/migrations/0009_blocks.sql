-- Tool calls in bulk. Their price is known before, so the owner of a platform's money reserves a
-- block, admits calls out of it in memory and books them in one statement per batch (DESIGN.md 5).
-- A block is a hold of kind 'block' whose amount is what is left of it; a call booked from it is a
-- settled hold that names its block. Model turns and calls that cross the end of a wallet or budget
-- take a hold of their own as before, several in one transaction.

ALTER TABLE hold DROP CONSTRAINT hold_kind_check,
  ADD CONSTRAINT hold_kind_check CHECK (kind IN ('llm', 'mcp', 'block')),
  ADD COLUMN block_id uuid,
  ADD COLUMN prices jsonb;
COMMENT ON COLUMN hold.block_id IS 'The block that an in-memory admission was made from.';
COMMENT ON COLUMN hold.prices IS
  'Prices of a model turn at admission: input, cached, output (micro-US-dollars per million tokens) '
  'and markup_ppm.';

ALTER TABLE wallet ADD COLUMN rules_version bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN wallet.rules_version IS
  'Rises when a budget or a setting changes that admission depends on; owners forget what they '
  'remember about end users.';

-- What a booked call writes is what limits calls per second: one index less per row where another
-- serves as well, and no look-up of the platform for each row. Rows of a deleted platform go by
-- trigger instead.
ALTER TABLE hold DROP CONSTRAINT hold_price_id_fkey, DROP CONSTRAINT hold_platform_id_fkey;
ALTER TABLE ledger DROP CONSTRAINT ledger_platform_id_fkey, DROP CONSTRAINT ledger_pkey,
  ADD PRIMARY KEY (platform_id, id), DROP CONSTRAINT ledger_platform_id_idempotency_key_key;
ALTER TABLE request_log DROP CONSTRAINT request_log_platform_id_fkey,
  DROP CONSTRAINT request_log_pkey, ADD PRIMARY KEY (platform_id, id);
CREATE UNIQUE INDEX ledger_key ON ledger (platform_id, idempotency_key)
  WHERE idempotency_key IS NOT NULL;
DROP INDEX ledger_page, request_log_page, hold_order;
CREATE INDEX hold_open ON hold (seq) WHERE status = 'P';
-- For `inspect explain`.
CREATE INDEX hold_request ON hold (request_id);

CREATE FUNCTION platform_money_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM hold WHERE platform_id = old.id;
  DELETE FROM ledger WHERE platform_id = old.id;
  DELETE FROM request_log WHERE platform_id = old.id;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION platform_money_delete() IS 'Takes a deleted platform''s money rows along.';
GRANT DELETE ON hold, ledger, request_log TO callboard_app, callboard_system;
CREATE TRIGGER money_goes_too AFTER DELETE ON platform
  FOR EACH ROW EXECUTE FUNCTION platform_money_delete();

CREATE FUNCTION ledger_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM platform WHERE id = old.platform_id) THEN
    RAISE EXCEPTION 'ledger rows are never deleted';
  END IF;
  RETURN old;
END $$;
COMMENT ON FUNCTION ledger_keep() IS 'The ledger is append-only while its platform exists.';
CREATE TRIGGER append_only BEFORE DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_keep();

CREATE FUNCTION rules_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE wallet SET rules_version = rules_version + 1
    WHERE platform_id = coalesce(new.platform_id, old.platform_id);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION rules_changed() IS 'Tells the owners of a wallet that a budget has changed.';
CREATE TRIGGER rules_changed_budget AFTER INSERT OR UPDATE OR DELETE ON budget
  FOR EACH ROW EXECUTE FUNCTION rules_changed();

CREATE FUNCTION wallet_switched() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  new.rules_version := old.rules_version + 1;
  RETURN new;
END $$;
COMMENT ON FUNCTION wallet_switched() IS 'Tells the owners of a wallet that it was switched on or off.';
CREATE TRIGGER rules_changed_wallet BEFORE UPDATE OF is_active ON wallet
  FOR EACH ROW EXECUTE FUNCTION wallet_switched();

CREATE FUNCTION settings_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE wallet SET rules_version = rules_version + 1 WHERE platform_id = new.id;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION settings_changed() IS 'Tells the owners of a wallet that a setting has changed.';
CREATE TRIGGER rules_changed_platform AFTER UPDATE ON platform
  FOR EACH ROW WHEN ((old.strict_mode, old.free_calls, old.default_budget)
    IS DISTINCT FROM (new.strict_mode, new.free_calls, new.default_budget))
  EXECUTE FUNCTION settings_changed();

-- As before, but a block is no work of its own and has no log row.
CREATE OR REPLACE FUNCTION hold_log(x hold, how "char", charged bigint, l jsonb) RETURNS void
  LANGUAGE plpgsql AS $$
BEGIN
  IF x.free OR l IS NULL OR x.kind = 'block' OR (x.kind = 'mcp' AND how <> 'S') THEN
    RETURN;
  END IF;
  INSERT INTO request_log (platform_id, end_user_id, hold_id, request_id, request_type, provider_id,
      model_id, provider_model_id, prompt_tokens, completion_tokens, cost, latency_ms, status,
      error_message, token_count_method, billing_status, metadata)
    VALUES (x.platform_id, x.end_user_id, x.id, x.request_id,
      CASE WHEN x.kind = 'mcp' THEN 'mcp_tool' ELSE coalesce(l->>'request_type', 'response') END,
      l->>'provider_id', x.subject, l->>'provider_model_id',
      coalesce((l->>'input_tokens')::bigint, 0), coalesce((l->>'output_tokens')::bigint, 0),
      charged, coalesce((l->>'latency_ms')::bigint, 0), coalesce(l->>'status', 'success'),
      nullif(l->>'error_message', ''),
      CASE WHEN x.kind = 'mcp' THEN 'none' WHEN (l->>'estimated')::boolean THEN 'estimated'
           ELSE 'provider' END,
      CASE WHEN how = 'S' THEN 'billed' ELSE 'not_billed' END,
      coalesce(l->'metadata', '{}') || jsonb_strip_nulls(jsonb_build_object(
        'cached_tokens', l->'cached_tokens', 'loop_id', x.loop_id, 'turn', x.turn)));
END $$;

DROP FUNCTION wallet_acquire(uuid, text, uuid);

-- Takes ownership. A node that knows that it is the only one (it owns the database) ends the blocks
-- of its former life, so that no money stays locked in them.
CREATE FUNCTION wallet_acquire(t uuid, n text, tok uuid, alone boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE e bigint; b uuid;
BEGIN
  UPDATE wallet SET epoch = epoch + 1, token = tok, node = n, acquired_at = now()
    WHERE platform_id = t RETURNING epoch INTO e;
  IF alone THEN
    FOR b IN SELECT id FROM hold WHERE platform_id = t AND status = 'P' AND kind = 'block' LOOP
      PERFORM * FROM wallet_resolve(t, b, 'E', 0, NULL);
    END LOOP;
  END IF;
  RETURN e;
END $$;
COMMENT ON FUNCTION wallet_acquire(uuid, text, uuid, boolean) IS
  'Takes ownership of a platform''s money: the new epoch, or null for an unknown platform.';

-- What an owner needs to know between its batches.
CREATE FUNCTION wallet_standing(t uuid, freelim int, OUT balance bigint, OUT available bigint,
                                OUT free_left bigint, OUT rules bigint)
LANGUAGE sql VOLATILE AS $$
  SELECT w.credits_posted - w.debits_posted,
    w.credits_posted - w.debits_posted - w.debits_pending,
    greatest(0, coalesce(p.free_calls, freelim) - coalesce(q.used, 0)), w.rules_version
  FROM wallet w JOIN platform p ON p.id = w.platform_id
  LEFT JOIN free_quota q ON q.platform_id = w.platform_id AND q.win = month_utc()
  WHERE w.platform_id = t $$;
COMMENT ON FUNCTION wallet_standing(uuid, int) IS
  'Balance, what is not held of it, free calls left this month, and the version of the rules.';

-- Why a reservation was refused, in figures (C27): what it needs, what there is, when a window ends.
CREATE FUNCTION budget_refusal(u uuid, OUT remaining bigint, OUT resets_at timestamptz)
LANGUAGE sql STABLE AS $$
  SELECT b.max_amount - coalesce(w.reserved + w.spent, 0),
    CASE b.period WHEN 'daily' THEN (budget_win('daily') + 1)::timestamp AT TIME ZONE 'UTC'
      WHEN 'monthly' THEN (month_utc() + interval '1 month')::timestamp AT TIME ZONE 'UTC' END
  FROM budget b LEFT JOIN budget_window w
    ON w.end_user_id = b.end_user_id AND w.win = budget_win(b.period)
  WHERE b.end_user_id = u $$;
COMMENT ON FUNCTION budget_refusal(uuid) IS
  'What is left of a budget in this window and when the window ends (null: never).';

DROP FUNCTION wallet_reserve(uuid, bigint, uuid, uuid, bytea, bigint, bigint, jsonb, int);

-- Places a hold. `x` names what is paid for: kind, end_user, subject, request_id, loop, turn,
-- turns_max, price_id, prices.
-- Codes: ok | free | exists | mismatch | fenced | insufficient | inactive | over_budget | suspended |
-- max_iterations | no_wallet. `status` and `amount` describe the hold for ok, free and exists;
-- `remaining` (of the wallet or the budget) and `resets_at` a refusal for want of money.
CREATE FUNCTION wallet_reserve(t uuid, e bigint, tok uuid, h uuid, rh bytea, amt bigint,
  ttl_ms bigint, x jsonb, freelim int, OUT code text, OUT free boolean, OUT amount bigint,
  OUT status text, OUT remaining bigint, OUT resets_at timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
  w wallet; p platform; old hold; avail bigint; bwin date;
  k text := x->>'kind'; u uuid := (x->>'end_user')::uuid; lp uuid := (x->>'loop')::uuid;
BEGIN
  free := false; amount := 0;
  SELECT * INTO w FROM wallet WHERE platform_id = t FOR UPDATE;
  IF NOT FOUND THEN code := 'no_wallet'; RETURN; END IF;

  -- Idempotency before fencing: a retry must find its result even after a takeover.
  SELECT * INTO old FROM hold WHERE platform_id = t AND id = h;
  IF FOUND THEN
    IF old.req_hash <> rh THEN code := 'mismatch'; RETURN; END IF;
    code := 'exists'; free := old.free; amount := old.amount; status := old.status::text;
    RETURN;
  END IF;
  IF w.epoch <> e OR w.token IS DISTINCT FROM tok THEN code := 'fenced'; RETURN; END IF;

  IF k = 'llm' AND lp IS NOT NULL THEN
    PERFORM 1 FROM loop l WHERE l.platform_id = t AND l.id = lp AND l.iter >= l.max_iter;
    IF FOUND THEN code := 'max_iterations'; RETURN; END IF;
  END IF;

  -- Whoever is suspended does nothing, not even for free.
  IF u IS NOT NULL THEN
    PERFORM 1 FROM budget b WHERE b.end_user_id = u AND b.platform_id = t AND b.is_suspended;
    IF FOUND THEN code := 'suspended'; RETURN; END IF;
  END IF;

  SELECT * INTO p FROM platform WHERE id = t;
  free := k = 'mcp' AND free_call_take(t, coalesce(p.free_calls, freelim));
  IF NOT free AND amt > 0 THEN
    -- Default: something must be left, the crossing call runs. Strict: the whole estimate must fit.
    avail := w.credits_posted - w.debits_posted - w.debits_pending;
    IF NOT w.is_active THEN code := 'inactive'; RETURN; END IF;
    IF avail <= 0 OR (p.strict_mode AND amt > avail) THEN
      code := 'insufficient'; remaining := avail; RETURN;
    END IF;
    SELECT b.code, b.win INTO code, bwin FROM budget_reserve(t, u, amt, p) b;
    IF code <> 'ok' THEN
      SELECT r.remaining, r.resets_at INTO remaining, resets_at FROM budget_refusal(u) r;
      RETURN;
    END IF;
    UPDATE wallet SET debits_pending = debits_pending + amt, overdraft = greatest(0, amt - avail)
      WHERE platform_id = t;
    amount := amt;
  END IF;

  IF k = 'llm' AND lp IS NOT NULL THEN
    INSERT INTO loop AS l (id, platform_id, end_user_id, iter, max_iter)
      VALUES (lp, t, u, 1, (x->>'turns_max')::bigint)
      ON CONFLICT (platform_id, id) DO UPDATE SET iter = l.iter + 1;
  END IF;
  INSERT INTO hold (id, platform_id, epoch, req_hash, kind, end_user_id, subject, request_id,
      loop_id, turn, price_id, prices, win, budget_win, free, strict_mode, amount, expires_at)
    VALUES (h, t, e, rh, k, u, x->>'subject', x->>'request_id', lp, (x->>'turn')::bigint,
            (x->>'price_id')::bigint, nullif(x->'prices', 'null'::jsonb), month_utc(), bwin, wallet_reserve.free,
            p.strict_mode, wallet_reserve.amount, in_ms(ttl_ms));
  code := CASE WHEN free THEN 'free' ELSE 'ok' END;
  status := 'P';
END $$;
COMMENT ON FUNCTION wallet_reserve(uuid, bigint, uuid, uuid, bytea, bigint, bigint, jsonb, int) IS
  'Admits a model turn or tool call and holds its price, once per hold id.';

-- Several reservations in one transaction, each with its own code, in the order of `items`:
-- [{id, hash (hex), amount, ttl_ms, kind, ...}], the rest as `x` of wallet_reserve.
CREATE FUNCTION wallet_reserve_many(t uuid, e bigint, tok uuid, items jsonb, freelim int)
RETURNS TABLE (n bigint, code text, free boolean, amount bigint, status text, remaining bigint,
               resets_at timestamptz, balance bigint, available bigint, free_left bigint,
               rules bigint)
LANGUAGE plpgsql AS $$
DECLARE
  i record; r record;
BEGIN
  FOR i IN SELECT x.value AS item, x.ordinality - 1 AS at
           FROM jsonb_array_elements(items) WITH ORDINALITY x LOOP
    SELECT * INTO r FROM wallet_reserve(t, e, tok, (i.item->>'id')::uuid,
      decode(i.item->>'hash', 'hex'), (i.item->>'amount')::bigint, (i.item->>'ttl_ms')::bigint,
      i.item, freelim);
    n := i.at; code := r.code; free := r.free; amount := r.amount; status := r.status;
    remaining := r.remaining; resets_at := r.resets_at;
    SELECT s.balance, s.available, s.free_left, s.rules INTO balance, available, free_left, rules
      FROM wallet_standing(t, freelim) s;
    RETURN NEXT;
  END LOOP;
END $$;
COMMENT ON FUNCTION wallet_reserve_many(uuid, bigint, uuid, jsonb, int) IS
  'wallet_reserve for each item, in one transaction.';

-- Several ends of holds in one transaction: [{id, how, actual, log}].
CREATE FUNCTION wallet_resolve_many(t uuid, items jsonb)
RETURNS TABLE (n bigint, code text, status text, charged bigint, overage bigint, balance bigint)
LANGUAGE plpgsql AS $$
DECLARE
  i record; r record;
BEGIN
  FOR i IN SELECT x.value AS item, x.ordinality - 1 AS at
           FROM jsonb_array_elements(items) WITH ORDINALITY x LOOP
    SELECT * INTO r FROM wallet_resolve(t, (i.item->>'id')::uuid, (i.item->>'how')::"char",
      (i.item->>'actual')::bigint, nullif(i.item->'log', 'null'::jsonb));
    n := i.at; code := r.code; status := r.status; charged := r.charged; overage := r.overage;
    balance := r.balance;
    RETURN NEXT;
  END LOOP;
END $$;
COMMENT ON FUNCTION wallet_resolve_many(uuid, jsonb) IS
  'wallet_resolve for each item, in one transaction.';

-- Makes block `b`, or makes it larger, by `wanted` micro-US-dollars or what there is, but at least
-- by `needed`. A block never crosses the end of a wallet or budget, so it needs no overdraft. Codes:
-- ok | fenced | short (there is less than `needed`) | inactive | over_budget | suspended | no_wallet.
-- `budgeted` tells whether the end user has a budget; when not, and u is given, nothing is reserved
-- and the code is `shared`: such users share the block without a user. `usable_ms`: until the
-- budget's window ends.
CREATE FUNCTION block_reserve(t uuid, e bigint, tok uuid, b uuid, u uuid, wanted bigint,
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
  ask := least(wanted, greatest(needed, available / 2));
  IF available < ask THEN ask := needed; END IF;
  IF available < ask THEN code := 'short'; RETURN; END IF;
  -- Strictly, with smaller wishes until one fits.
  p.strict_mode := true;
  LOOP
    SELECT r.code, r.win INTO code, bwin FROM budget_reserve(t, u, ask, p) r;
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
COMMENT ON FUNCTION block_reserve(uuid, bigint, uuid, uuid, uuid, bigint, bigint, bigint, int) IS
  'Reserves money from which its owner admits tool calls in memory.';

-- Gives back what is left of blocks: [{id, amount}], at most what each has. A block that has nothing
-- left ends.
CREATE FUNCTION block_return(t uuid, items jsonb, freelim int, OUT balance bigint,
  OUT available bigint, OUT free_left bigint, OUT rules bigint)
LANGUAGE plpgsql AS $$
DECLARE
  i record; back bigint;
BEGIN
  PERFORM 1 FROM wallet WHERE platform_id = t FOR UPDATE;
  FOR i IN SELECT h.*, x.amount AS given FROM jsonb_to_recordset(items) AS x(id uuid, amount bigint)
           JOIN hold h ON h.platform_id = t AND h.id = x.id AND h.kind = 'block'
             AND h.status = 'P' LOOP
    back := least(i.given, i.amount);
    UPDATE hold SET amount = hold.amount - back,
        status = CASE WHEN hold.amount = back THEN 'V'::"char" ELSE 'P'::"char" END,
        resolved_at = CASE WHEN hold.amount = back THEN clock_timestamp() END
      WHERE platform_id = t AND id = i.id;
    UPDATE wallet SET debits_pending = debits_pending - back WHERE platform_id = t;
    UPDATE budget_window SET reserved = reserved - back
      WHERE end_user_id = i.end_user_id AND win = i.budget_win;
  END LOOP;
  SELECT s.balance, s.available, s.free_left, s.rules INTO balance, available, free_left, rules
    FROM wallet_standing(t, freelim) s;
END $$;
COMMENT ON FUNCTION block_return(uuid, jsonb, int) IS 'Gives back what is left of blocks.';

-- Books calls that were admitted from blocks: a settled hold, a ledger row and a log row each, once
-- per id. Not fenced: a block is good for its holder after a takeover. Of a block that has ended
-- meanwhile, the real price is an overage: charged, in strict mode only while there is money (I18).
-- items: [{id, block, epoch, hash (hex), end_user, subject, request_id, price_id, amount, log}].
CREATE FUNCTION calls_settle(t uuid, items jsonb, freelim int, OUT booked bigint,
  OUT balance bigint, OUT available bigint, OUT free_left bigint, OUT rules bigint)
LANGUAGE plpgsql AS $$
DECLARE
  w wallet; strict_now boolean; total bigint; taken bigint; part jsonb;
BEGIN
  SELECT * INTO w FROM wallet WHERE platform_id = t FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  SELECT p.strict_mode INTO strict_now FROM platform p WHERE p.id = t;
  -- A user who got a budget while a call of the shared block was under way has no window yet.
  INSERT INTO budget_window (end_user_id, platform_id, win, lim)
    SELECT DISTINCT g.end_user_id, t, budget_win(g.period), g.max_amount
    FROM jsonb_to_recordset(items) AS x(end_user uuid)
    JOIN budget g ON g.end_user_id = x.end_user AND g.platform_id = t
    ON CONFLICT DO NOTHING;
  WITH item AS (
    SELECT x.*, b.status = 'P' AS open, bu.win AS budget_win,
      CASE WHEN b.status = 'P' OR NOT strict_now
             OR w.credits_posted - w.debits_posted - w.debits_pending
                >= sum(x.amount) FILTER (WHERE b.status IS DISTINCT FROM 'P') OVER (ORDER BY x.id)
           THEN x.amount ELSE 0 END AS charge
    FROM jsonb_to_recordset(items) AS x(id uuid, block uuid, epoch bigint, hash text, end_user uuid,
      subject text, request_id text, price_id bigint, amount bigint, log jsonb)
    LEFT JOIN hold b ON b.platform_id = t AND b.id = x.block
    LEFT JOIN LATERAL (
      SELECT coalesce(b.budget_win, budget_win(g.period)) AS win FROM budget g
      WHERE g.end_user_id = x.end_user) bu ON true
  ), hold_row AS (
    INSERT INTO hold (id, platform_id, epoch, req_hash, kind, end_user_id, subject, request_id,
        price_id, win, budget_win, free, strict_mode, amount, status, settled, overage, expires_at,
        resolved_at, block_id)
      SELECT i.id, t, i.epoch, decode(i.hash, 'hex'), 'mcp', i.end_user, i.subject, i.request_id,
        i.price_id, month_utc(), i.budget_win, false, strict_now,
        CASE WHEN i.open THEN i.amount ELSE 0 END, 'S', i.charge,
        CASE WHEN i.open THEN 0 ELSE i.amount END, clock_timestamp(), clock_timestamp(), i.block
      FROM item i ON CONFLICT DO NOTHING
      RETURNING id, end_user_id, subject, request_id, amount, settled, budget_win, block_id
  ), ledger_row AS (
    INSERT INTO ledger (platform_id, hold_id, end_user_id, type, amount, balance_after, counterpart,
        description)
      SELECT t, h.id, h.end_user_id, 'mcp_usage', -h.settled,
        w.credits_posted - w.debits_posted - sum(h.settled) OVER (ORDER BY h.id), 'revenue',
        h.subject
      FROM hold_row h
  ), log_row AS (
    INSERT INTO request_log (platform_id, end_user_id, hold_id, request_id, request_type, model_id,
        cost, latency_ms, status, error_message, token_count_method, billing_status)
      SELECT t, h.end_user_id, h.id, h.request_id, 'mcp_tool', h.subject, h.settled,
        coalesce((i.log->>'latency_ms')::bigint, 0), coalesce(i.log->>'status', 'success'),
        nullif(i.log->>'error_message', ''), 'none', 'billed'
      FROM hold_row h JOIN item i USING (id)
  ), of_block AS (
    UPDATE hold b SET amount = b.amount - CASE WHEN b.status = 'P' THEN s.used ELSE 0 END
      FROM (SELECT block_id, sum(amount)::bigint AS used FROM hold_row GROUP BY 1) s
      WHERE b.platform_id = t AND b.id = s.block_id
  ), of_window AS (
    UPDATE budget_window x SET spent = x.spent + s.settled, reserved = x.reserved - s.held,
        overrun = greatest(x.overrun, x.reserved - s.held + x.spent + s.settled - x.lim)
      FROM (SELECT h.end_user_id, h.budget_win, sum(h.settled)::bigint AS settled,
              coalesce(sum(h.amount) FILTER (WHERE b.budget_win IS NOT NULL), 0)::bigint AS held
            FROM hold_row h LEFT JOIN hold b ON b.platform_id = t AND b.id = h.block_id
            WHERE h.budget_win IS NOT NULL GROUP BY 1, 2) s
      WHERE x.end_user_id = s.end_user_id AND x.win = s.budget_win
  )
  SELECT count(*), coalesce(sum(settled), 0), coalesce(sum(amount), 0) INTO booked, total, taken
    FROM hold_row;
  UPDATE wallet SET debits_pending = debits_pending - taken, debits_posted = debits_posted + total,
      overdraft = greatest(overdraft,
        debits_posted + total + debits_pending - taken - credits_posted), updated_at = now()
    WHERE platform_id = t AND booked > 0;
  SELECT s.balance, s.available, s.free_left, s.rules INTO balance, available, free_left, rules
    FROM wallet_standing(t, freelim) s;
END $$;
COMMENT ON FUNCTION calls_settle(uuid, jsonb, int) IS
  'Books tool calls that were admitted from blocks.';

-- Money invariants (facts reliability.md 3.7). Every count is 0 at any moment.
CREATE OR REPLACE FUNCTION ledger_verify() RETURNS TABLE (invariant text, violations bigint)
  LANGUAGE sql STABLE AS $$
  SELECT 'I1 pending = sum of open paid holds', count(*) FROM wallet w
    LEFT JOIN (SELECT platform_id, sum(amount) s FROM hold WHERE status = 'P' AND NOT free
      GROUP BY 1) h
      USING (platform_id)
    WHERE w.debits_pending <> coalesce(h.s, 0)
  UNION ALL
  SELECT 'I2 debits = sum of usage rows', count(*) FROM wallet w
    LEFT JOIN (SELECT platform_id, -sum(amount) s FROM ledger WHERE hold_id IS NOT NULL
      GROUP BY 1) l
      USING (platform_id)
    WHERE w.debits_posted <> coalesce(l.s, 0)
  UNION ALL
  SELECT 'I3 one ledger row per settled paid hold, none otherwise', count(*)
    FROM hold h FULL JOIN (SELECT * FROM ledger WHERE hold_id IS NOT NULL) l
      ON l.platform_id = h.platform_id AND l.hold_id = h.id
    WHERE coalesce(h.status = 'S' AND NOT h.free, false) <> (l.id IS NOT NULL)
      OR -l.amount <> h.settled
  UNION ALL
  SELECT 'I4 only the crossing call overshoots', count(*) FROM wallet w
    JOIN platform p ON p.id = w.platform_id
    CROSS JOIN LATERAL (SELECT w.debits_posted + w.debits_pending - w.credits_posted AS below) o
    LEFT JOIN LATERAL (
      SELECT sum(overage) AS overage FROM hold
      WHERE platform_id = w.platform_id AND NOT free AND NOT strict_mode) v ON true
    LEFT JOIN LATERAL (
      SELECT CASE status WHEN 'P' THEN amount WHEN 'S' THEN settled ELSE 0 END AS took
      FROM hold WHERE platform_id = w.platform_id AND NOT free ORDER BY seq DESC LIMIT 1) c ON true
    WHERE o.below > 0 AND o.below > coalesce(v.overage, 0)
      AND (p.strict_mode OR o.below >= coalesce(c.took, 0) + coalesce(v.overage, 0))
  UNION ALL
  SELECT 'I5 budget use = holds of its window', count(*) FROM budget_window b
    LEFT JOIN (SELECT end_user_id, budget_win AS win, sum(amount) FILTER (WHERE status = 'P') r,
                      sum(settled) FILTER (WHERE status = 'S') s
               FROM hold WHERE NOT free AND budget_win IS NOT NULL GROUP BY 1, 2) h
                 USING (end_user_id, win)
    WHERE b.reserved <> coalesce(h.r, 0) OR b.spent <> coalesce(h.s, 0)
  UNION ALL
  SELECT 'I6 free calls used = open and settled free holds', count(*) FROM free_quota q
    FULL JOIN (SELECT platform_id, win, count(*) c FROM hold WHERE free AND status IN ('P', 'S')
      GROUP BY 1, 2) h
      USING (platform_id, win)
    WHERE coalesce(q.used, 0) <> coalesce(h.c, 0) OR q.used > q.lim
  UNION ALL
  SELECT 'I7 no hold by an older epoch after a newer one', count(*)
    FROM (SELECT epoch, max(epoch) OVER (PARTITION BY platform_id ORDER BY seq
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS newest
          FROM hold WHERE block_id IS NULL) z
    WHERE newest > epoch
  UNION ALL
  SELECT 'I8 credits = sum of all other rows; balance = sum of all rows', count(*) FROM wallet w
    LEFT JOIN (SELECT platform_id, sum(amount) FILTER (WHERE hold_id IS NULL) c, sum(amount) b
               FROM ledger GROUP BY 1) l USING (platform_id)
    WHERE w.credits_posted <> coalesce(l.c, 0)
      OR w.credits_posted - w.debits_posted <> coalesce(l.b, 0)
  UNION ALL
  SELECT 'I9 turns of a loop = its model holds', count(*) FROM loop l
    LEFT JOIN (SELECT platform_id, loop_id, count(*) c FROM hold WHERE kind = 'llm'
      AND loop_id IS NOT NULL
               GROUP BY 1, 2) h ON h.platform_id = l.platform_id AND h.loop_id = l.id
    WHERE l.iter <> coalesce(h.c, 0)
  UNION ALL
  SELECT 'I11 over all accounts, debits = credits', count(*)
    FROM (SELECT sum(credits_posted - debits_posted) AS held FROM wallet) a,
      (SELECT sum(amount) FILTER (WHERE counterpart = 'funding') AS funded,
              -sum(amount) FILTER (WHERE counterpart = 'revenue') AS earned FROM ledger) b
    WHERE coalesce(a.held, 0) + coalesce(b.earned, 0) <> coalesce(b.funded, 0)
  UNION ALL
  SELECT 'I12 balance_after = sum of the rows so far', count(*)
    FROM (SELECT balance_after, sum(amount) OVER (PARTITION BY platform_id ORDER BY id) AS so_far
          FROM ledger) l
    WHERE balance_after <> so_far
  UNION ALL
  SELECT 'I13 every call of a block belongs to one', count(*) FROM hold h
    LEFT JOIN hold b ON b.platform_id = h.platform_id AND b.id = h.block_id AND b.kind = 'block'
    WHERE h.block_id IS NOT NULL AND b.id IS NULL
$$;
COMMENT ON FUNCTION ledger_verify() IS 'Counts of violated money invariants.';
