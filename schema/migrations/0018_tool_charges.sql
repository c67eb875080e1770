-- A tool call booked from a block is one row. Its hold, its ledger row and its log row said the same
-- things three times, and what a booked call writes is what limits calls per second. The views
-- ledger_all, request_log_all and hold_all show such a call as it was shown before.
--
-- Order: one sequence numbers ledger, log and charges, always under the lock of the wallet's row, so
-- that a platform's rows are in the order in which its balance moved.
SELECT setval('ledger_id_seq', greatest((SELECT last_value FROM ledger_id_seq),
  (SELECT last_value FROM request_log_id_seq)));
ALTER TABLE request_log ALTER COLUMN id DROP IDENTITY;
ALTER TABLE request_log ALTER COLUMN id SET DEFAULT nextval('ledger_id_seq');
GRANT USAGE ON SEQUENCE ledger_id_seq TO callboard_app, callboard_system;

CREATE TABLE tool_charge (
  platform_id   uuid NOT NULL DEFAULT tenant(),
  id            bigint NOT NULL DEFAULT nextval('ledger_id_seq'),
  hold_id       uuid NOT NULL UNIQUE,
  block_id      uuid NOT NULL,
  end_user_id   uuid,
  tool          text NOT NULL,
  provider_id   text,
  request_id    text NOT NULL,
  price_id      bigint,
  budget_win    date,
  strict_mode   boolean NOT NULL,
  amount        bigint NOT NULL,
  overage       bigint NOT NULL,
  charged       bigint NOT NULL,
  balance_after bigint NOT NULL,
  latency_ms    bigint NOT NULL,
  status        text NOT NULL,
  error_message text,
  at            timestamptz NOT NULL,
  PRIMARY KEY (platform_id, id),
  CHECK (amount >= 0 AND overage >= 0 AND charged BETWEEN 0 AND amount + overage)
);
COMMENT ON TABLE tool_charge IS
  'A tool call that was admitted from a block: its settled hold, ledger row and log row in one.';
COMMENT ON COLUMN tool_charge.id IS 'As ledger.id, from the same sequence.';
COMMENT ON COLUMN tool_charge.hold_id IS 'Chosen at admission; a second booking finds it.';
COMMENT ON COLUMN tool_charge.amount IS 'Micro-US-dollars taken from what the block held.';
COMMENT ON COLUMN tool_charge.overage IS 'Micro-US-dollars that a block that had ended could not give.';
COMMENT ON COLUMN tool_charge.charged IS 'Micro-US-dollars.';
COMMENT ON COLUMN tool_charge.balance_after IS 'Micro-US-dollars.';
CREATE INDEX tool_charge_user ON tool_charge (platform_id, end_user_id, id DESC);
CREATE INDEX tool_charge_request ON tool_charge (request_id);
ALTER TABLE tool_charge ENABLE ROW LEVEL SECURITY;
ALTER TABLE tool_charge FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON tool_charge TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON tool_charge TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE ON tool_charge TO callboard_app, callboard_system;
CREATE TRIGGER append_only BEFORE DELETE ON tool_charge FOR EACH ROW EXECUTE FUNCTION ledger_keep();

CREATE OR REPLACE FUNCTION platform_money_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM hold WHERE platform_id = old.id;
  DELETE FROM ledger WHERE platform_id = old.id;
  DELETE FROM request_log WHERE platform_id = old.id;
  DELETE FROM tool_charge WHERE platform_id = old.id;
  RETURN NULL;
END $$;

-- -- how the rows are shown -----------------------------------------------------

CREATE VIEW ledger_all WITH (security_invoker = true) AS
  SELECT id, platform_id, hold_id, end_user_id, type, amount, balance_after, counterpart,
    description, idempotency_key, request_hash, at
  FROM ledger
  UNION ALL
  SELECT id, platform_id, hold_id, end_user_id, 'mcp_usage', -charged, balance_after, 'revenue', tool,
    NULL, NULL, at
  FROM tool_charge;
COMMENT ON VIEW ledger_all IS 'The ledger with the tool calls that were booked from blocks.';

CREATE VIEW request_log_all WITH (security_invoker = true) AS
  SELECT id, platform_id, end_user_id, hold_id, request_id, request_type, provider_id, model_id,
    provider_model_id, prompt_tokens, completion_tokens, cost, latency_ms, status, error_message,
    token_count_method, billing_status, metadata, created_at
  FROM request_log
  UNION ALL
  SELECT id, platform_id, end_user_id, hold_id, request_id, 'mcp_tool', provider_id, tool, NULL, 0, 0,
    charged, latency_ms, status, error_message, 'none', 'billed', '{}', at
  FROM tool_charge;
COMMENT ON VIEW request_log_all IS 'The log with the tool calls that were booked from blocks.';

CREATE VIEW hold_all WITH (security_invoker = true) AS
  SELECT id, platform_id, seq, epoch, req_hash, kind, end_user_id, subject, request_id, loop_id, turn,
    price_id, win, budget_win, free, strict_mode, amount, status, settled, overage, checkpoint,
    provider_ref, created_at, expires_at, resolved_at, block_id, prices
  FROM hold
  UNION ALL
  SELECT hold_id, platform_id, id, NULL, NULL, 'mcp', end_user_id, tool, request_id, NULL, NULL,
    price_id, date_trunc('month', at AT TIME ZONE 'UTC')::date, budget_win, false, strict_mode, amount,
    'S', charged, overage, NULL, NULL, at, at, at, block_id, NULL
  FROM tool_charge;
COMMENT ON VIEW hold_all IS 'Holds with the tool calls that were booked from blocks.';
GRANT SELECT ON ledger_all, request_log_all, hold_all TO callboard_app, callboard_system;

CREATE FUNCTION ledger_json(l ledger_all) RETURNS jsonb LANGUAGE sql STABLE AS
$$ SELECT ledger_json(row(l.*)::ledger) $$;
COMMENT ON FUNCTION ledger_json(ledger_all) IS 'A wallet transaction as the REST API shows it.';
CREATE FUNCTION request_log_json(l request_log_all) RETURNS jsonb LANGUAGE sql STABLE AS
$$ SELECT request_log_json(row(l.*)::request_log) $$;
COMMENT ON FUNCTION request_log_json(request_log_all) IS 'A log row as the REST API shows it.';

-- -- booking --------------------------------------------------------------------

-- In PL/pgSQL, as its plan is then kept: planning it took longer than running it.
CREATE OR REPLACE FUNCTION wallet_standing(t uuid, freelim int, OUT balance bigint,
  OUT available bigint, OUT free_left bigint, OUT rules bigint)
LANGUAGE plpgsql AS $$
BEGIN
  SELECT w.credits_posted - w.debits_posted, w.credits_posted - w.debits_posted - w.debits_pending,
    greatest(0, coalesce(p.free_calls, freelim) - coalesce(q.used, 0)), w.rules_version
  INTO balance, available, free_left, rules
  FROM wallet w JOIN platform p ON p.id = w.platform_id
  LEFT JOIN free_quota q ON q.platform_id = w.platform_id AND q.win = month_utc()
  WHERE w.platform_id = t;
END $$;

DROP FUNCTION calls_settle(uuid, jsonb, int);

CREATE FUNCTION budgets_spend(t uuid, charges bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  -- A user who got a budget while a call of the shared block was under way has no window yet.
  INSERT INTO budget_window (end_user_id, platform_id, win, lim)
    SELECT DISTINCT g.end_user_id, t, c.budget_win, g.max_amount
    FROM tool_charge c JOIN budget g ON g.end_user_id = c.end_user_id AND g.platform_id = t
    WHERE c.platform_id = t AND c.id = ANY (charges) AND c.budget_win = budget_win(g.period)
    ON CONFLICT DO NOTHING;
  UPDATE budget_window x SET spent = x.spent + s.charged, reserved = x.reserved - s.held,
      overrun = greatest(x.overrun, x.reserved - s.held + x.spent + s.charged - x.lim)
    FROM (SELECT c.end_user_id, c.budget_win, sum(c.charged)::bigint AS charged,
            coalesce(sum(c.amount) FILTER (WHERE b.budget_win IS NOT NULL), 0)::bigint AS held
          FROM tool_charge c LEFT JOIN hold b ON b.platform_id = t AND b.id = c.block_id
          WHERE c.platform_id = t AND c.id = ANY (charges) GROUP BY 1, 2) s
    WHERE x.end_user_id = s.end_user_id AND x.win = s.budget_win;
END $$;
COMMENT ON FUNCTION budgets_spend(uuid, bigint[]) IS 'Part of calls_settle.';

-- Books calls that were admitted from blocks, once per id. Not fenced: a block is good for its holder
-- after a takeover. Of a block that has ended meanwhile, the real price is an overage: charged, in
-- strict mode only while there is money (I18). The arrays have one element per call.
CREATE FUNCTION calls_settle(t uuid, ids uuid[], blocks uuid[], users uuid[], tools text[],
  providers text[], requests text[], prices bigint[], amounts bigint[], latencies bigint[],
  statuses text[], errors text[], freelim int, OUT booked bigint, OUT balance bigint,
  OUT available bigint, OUT free_left bigint, OUT rules bigint)
-- A plan for each length of the arrays would be made anew for each batch.
LANGUAGE plpgsql SET plan_cache_mode TO force_generic_plan AS $$
DECLARE
  w wallet; strict_now boolean; total bigint; taken bigint; new_ids bigint[];
  known uuid[] := '{}';
  now_at CONSTANT timestamptz := clock_timestamp();
BEGIN
  SELECT * INTO w FROM wallet WHERE platform_id = t FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  SELECT p.strict_mode INTO strict_now FROM platform p WHERE p.id = t;
  -- The first try does not look whether a call is booked already: that is rare, and the unique id
  -- tells.
  FOR try IN 1..2 LOOP
    BEGIN
      WITH block AS MATERIALIZED (
        SELECT b.id, b.status = 'P' AS open, b.budget_win FROM hold b
        WHERE b.platform_id = t AND b.id = ANY (blocks)
      ), payer AS MATERIALIZED (
        SELECT g.end_user_id, budget_win(g.period) AS win FROM budget g
        WHERE g.platform_id = t AND g.end_user_id = ANY (users)
      ), item AS (
        SELECT x.*, b.open IS TRUE AS open,
          CASE WHEN g.end_user_id IS NOT NULL THEN coalesce(b.budget_win, g.win) END AS budget_win,
          CASE WHEN b.open OR NOT strict_now
                 OR w.credits_posted - w.debits_posted - w.debits_pending
                    >= sum(x.amount) FILTER (WHERE b.open IS NOT TRUE) OVER so_far
               THEN x.amount ELSE 0 END AS charge
        FROM unnest(ids, blocks, users, tools, providers, requests, prices, amounts, latencies,
            statuses, errors) WITH ORDINALITY
          AS x(id, block, end_user, tool, provider, request, price, amount, latency, status, error, n)
        LEFT JOIN block b ON b.id = x.block
        LEFT JOIN payer g ON g.end_user_id = x.end_user
        WHERE x.id <> ALL (known)
        WINDOW so_far AS (ORDER BY x.n)
      ), charge_row AS (
        INSERT INTO tool_charge (platform_id, hold_id, block_id, end_user_id, tool, provider_id,
            request_id, price_id, budget_win, strict_mode, amount, overage, charged, balance_after,
            latency_ms, status, error_message, at)
          SELECT t, i.id, i.block, i.end_user, i.tool, i.provider, i.request, i.price, i.budget_win,
            strict_now, CASE WHEN i.open THEN i.amount ELSE 0 END,
            CASE WHEN i.open THEN 0 ELSE i.amount END, i.charge,
            w.credits_posted - w.debits_posted - sum(i.charge) OVER (ORDER BY i.n), i.latency,
            i.status, i.error, now_at
          FROM item i ORDER BY i.n
          RETURNING id, block_id, budget_win, amount, charged
      ), of_block AS (
        UPDATE hold b SET amount = b.amount - CASE WHEN b.status = 'P' THEN s.used ELSE 0 END
          FROM (SELECT block_id, sum(amount)::bigint AS used FROM charge_row GROUP BY 1) s
          WHERE b.platform_id = t AND b.id = s.block_id
      )
      SELECT count(*), coalesce(sum(charged), 0), coalesce(sum(amount), 0),
          array_agg(id) FILTER (WHERE budget_win IS NOT NULL)
        INTO booked, total, taken, new_ids FROM charge_row;
      EXIT;
    EXCEPTION WHEN unique_violation THEN
      IF try = 2 THEN RAISE; END IF;
      known := ARRAY(SELECT c.hold_id FROM tool_charge c WHERE c.hold_id = ANY (ids));
    END;
  END LOOP;
  IF new_ids IS NOT NULL THEN
    PERFORM budgets_spend(t, new_ids);
  END IF;
  UPDATE wallet SET debits_pending = debits_pending - taken, debits_posted = debits_posted + total,
      overdraft = greatest(overdraft,
        debits_posted + total + debits_pending - taken - credits_posted), updated_at = now()
    WHERE platform_id = t AND booked > 0;
  SELECT s.balance, s.available, s.free_left, s.rules INTO balance, available, free_left, rules
    FROM wallet_standing(t, freelim) s;
END $$;
COMMENT ON FUNCTION calls_settle(uuid, uuid[], uuid[], uuid[], text[], text[], text[], bigint[],
  bigint[], bigint[], text[], text[], int) IS 'Books tool calls that were admitted from blocks.';

-- -- invariants -----------------------------------------------------------------

-- As before, over the rows of both kinds.
CREATE OR REPLACE FUNCTION wallet_verify() RETURNS TABLE (invariant text, violations bigint)
  LANGUAGE sql STABLE AS $$
  SELECT 'I1 pending = sum of open paid holds', count(*) FROM wallet w
    LEFT JOIN (SELECT platform_id, sum(amount) s FROM hold WHERE status = 'P' AND NOT free
      GROUP BY 1) h
      USING (platform_id)
    WHERE w.debits_pending <> coalesce(h.s, 0)
  UNION ALL
  SELECT 'I2 debits = sum of usage rows', count(*) FROM wallet w
    LEFT JOIN (SELECT platform_id, -sum(amount) s FROM ledger_all WHERE hold_id IS NOT NULL
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
    CROSS JOIN LATERAL (SELECT w.debits_posted + w.debits_pending - w.credits_posted AS below) o
    LEFT JOIN LATERAL (
      SELECT sum(overage) AS overage FROM hold_all
      WHERE platform_id = w.platform_id AND NOT free AND NOT strict_mode) v ON true
    LEFT JOIN LATERAL (
      SELECT CASE status WHEN 'P' THEN amount WHEN 'S' THEN settled ELSE 0 END AS took, strict_mode
      FROM hold WHERE platform_id = w.platform_id AND NOT free AND amount > 0 AND kind <> 'block'
        AND block_id IS NULL ORDER BY seq DESC LIMIT 1) c ON true
    WHERE o.below > 0 AND o.below > coalesce(v.overage, 0)
      AND (coalesce(c.strict_mode, true) OR o.below >= c.took + coalesce(v.overage, 0))
  UNION ALL
  SELECT 'I5 budget use = holds of its window', count(*) FROM budget_window b
    LEFT JOIN (SELECT end_user_id, budget_win AS win, sum(amount) FILTER (WHERE status = 'P') r,
                      sum(settled) FILTER (WHERE status = 'S') s
               FROM hold_all WHERE NOT free AND budget_win IS NOT NULL GROUP BY 1, 2) h
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
               FROM ledger_all GROUP BY 1) l USING (platform_id)
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
              -sum(amount) FILTER (WHERE counterpart = 'revenue') AS earned FROM ledger_all) b
    WHERE coalesce(a.held, 0) + coalesce(b.earned, 0) <> coalesce(b.funded, 0)
  UNION ALL
  SELECT 'I12 balance_after = sum of the rows so far', count(*)
    FROM (SELECT balance_after, sum(amount) OVER (PARTITION BY platform_id ORDER BY id) AS so_far
          FROM ledger_all) l
    WHERE balance_after <> so_far
  UNION ALL
  SELECT 'I13 every call of a block belongs to one', count(*) FROM hold_all h
    LEFT JOIN hold b ON b.platform_id = h.platform_id AND b.id = h.block_id AND b.kind = 'block'
    WHERE h.block_id IS NOT NULL AND b.id IS NULL
$$;

-- As before, and budgets too.
CREATE OR REPLACE FUNCTION ledger_findings(most bigint)
RETURNS TABLE (id text, platform_id uuid, finding text) LANGUAGE sql STABLE AS $$
  WITH found (id, platform_id, finding) AS (
    SELECT 'I1', w.platform_id, format('the wallet holds %s, its open holds make %s',
        usd_text(w.debits_pending), usd_text(coalesce(h.s, 0)))
      FROM wallet w
      LEFT JOIN (SELECT x.platform_id, sum(x.amount)::bigint s FROM hold x
        WHERE x.status = 'P' AND NOT x.free GROUP BY 1) h ON h.platform_id = w.platform_id
      WHERE w.debits_pending <> coalesce(h.s, 0)
    UNION ALL
    SELECT 'I2', w.platform_id, format('the wallet paid %s, its usage rows make %s',
        usd_text(w.debits_posted), usd_text(coalesce(l.s, 0)))
      FROM wallet w
      LEFT JOIN (SELECT x.platform_id, -sum(x.amount)::bigint s FROM ledger_all x
        WHERE x.hold_id IS NOT NULL GROUP BY 1) l ON l.platform_id = w.platform_id
      WHERE w.debits_posted <> coalesce(l.s, 0)
    UNION ALL
    SELECT 'I3', coalesce(h.platform_id, l.platform_id), CASE
        WHEN h.id IS NULL THEN format('ledger row %s names hold %s, which does not exist',
          l.id, l.hold_id)
        WHEN l.id IS NULL THEN format('hold %s of request %s is settled at %s without a ledger row',
          h.id, h.request_id, usd_text(h.settled))
        WHEN h.status = 'S' AND NOT h.free THEN format(
          'hold %s of request %s is settled at %s, ledger row %s says %s', h.id, h.request_id,
          usd_text(h.settled), l.id, usd_text(-l.amount))
        ELSE format('hold %s of request %s is %s, yet ledger row %s takes %s', h.id, h.request_id,
          CASE WHEN h.free THEN 'free' WHEN h.status = 'P' THEN 'open' WHEN h.status = 'V'
            THEN 'void' ELSE 'expired' END, l.id, usd_text(-l.amount)) END
      FROM hold h FULL JOIN (SELECT * FROM ledger WHERE hold_id IS NOT NULL) l
        ON l.platform_id = h.platform_id AND l.hold_id = h.id
      WHERE coalesce(h.status = 'S' AND NOT h.free, false) <> (l.id IS NOT NULL)
        OR -l.amount <> h.settled
    UNION ALL
    SELECT 'I4', w.platform_id, format('%s below zero, of which overages explain %s',
        usd_text(o.below), usd_text(coalesce(v.overage, 0)))
      FROM wallet w JOIN platform p ON p.id = w.platform_id
      CROSS JOIN LATERAL (SELECT w.debits_posted + w.debits_pending - w.credits_posted AS below) o
      LEFT JOIN LATERAL (
        SELECT sum(x.overage)::bigint AS overage FROM hold_all x
        WHERE x.platform_id = w.platform_id AND NOT x.free AND NOT x.strict_mode) v ON true
      LEFT JOIN LATERAL (
        SELECT CASE x.status WHEN 'P' THEN x.amount WHEN 'S' THEN x.settled ELSE 0 END AS took
        FROM hold x WHERE x.platform_id = w.platform_id AND NOT x.free
        ORDER BY x.seq DESC LIMIT 1) c ON true
      WHERE o.below > 0 AND o.below > coalesce(v.overage, 0)
        AND (p.strict_mode OR o.below >= coalesce(c.took, 0) + coalesce(v.overage, 0))
    UNION ALL
    SELECT 'I5', b.platform_id, format('window %s of end user %s: reserved %s and spent %s, its '
        'holds make %s and %s', b.win, b.end_user_id, usd_text(b.reserved), usd_text(b.spent),
        usd_text(coalesce(h.r, 0)), usd_text(coalesce(h.s, 0)))
      FROM budget_window b
      LEFT JOIN (SELECT end_user_id, budget_win AS win,
          (sum(amount) FILTER (WHERE status = 'P'))::bigint r,
          (sum(settled) FILTER (WHERE status = 'S'))::bigint s
        FROM hold_all WHERE NOT free AND budget_win IS NOT NULL GROUP BY 1, 2) h
        USING (end_user_id, win)
      WHERE b.reserved <> coalesce(h.r, 0) OR b.spent <> coalesce(h.s, 0)
    UNION ALL
    SELECT 'I6', coalesce(q.platform_id, h.platform_id), format('%s: %s of %s free calls used, its '
        'holds make %s', to_char(coalesce(q.win, h.win), 'YYYY-MM'), coalesce(q.used, 0),
        coalesce(q.lim, 0), coalesce(h.c, 0))
      FROM free_quota q
      FULL JOIN (SELECT x.platform_id, x.win, count(*) c FROM hold x
        WHERE x.free AND x.status IN ('P', 'S') GROUP BY 1, 2) h
        ON h.platform_id = q.platform_id AND h.win = q.win
      WHERE coalesce(q.used, 0) <> coalesce(h.c, 0) OR q.used > q.lim
    UNION ALL
    SELECT 'I7', z.platform_id, format('hold %s of request %s is by epoch %s after one by epoch %s',
        z.id, z.request_id, z.epoch, z.newest)
      FROM (SELECT x.*, max(x.epoch) OVER (PARTITION BY x.platform_id ORDER BY x.seq
              ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS newest
            FROM hold x WHERE x.block_id IS NULL) z
      WHERE z.newest > z.epoch
    UNION ALL
    SELECT 'I8', w.platform_id, format('the wallet got %s and has %s, its rows make %s and %s',
        usd_text(w.credits_posted), usd_text(w.credits_posted - w.debits_posted),
        usd_text(coalesce(l.c, 0)), usd_text(coalesce(l.b, 0)))
      FROM wallet w
      LEFT JOIN (SELECT x.platform_id,
          (sum(x.amount) FILTER (WHERE x.hold_id IS NULL))::bigint c, sum(x.amount)::bigint b
        FROM ledger_all x GROUP BY 1) l ON l.platform_id = w.platform_id
      WHERE w.credits_posted <> coalesce(l.c, 0)
        OR w.credits_posted - w.debits_posted <> coalesce(l.b, 0)
    UNION ALL
    SELECT 'I9', l.platform_id, format('loop %s counts %s turns, its holds make %s', l.id, l.iter,
        coalesce(h.c, 0))
      FROM loop l
      LEFT JOIN (SELECT x.platform_id, x.loop_id, count(*) c FROM hold x
        WHERE x.kind = 'llm' AND x.loop_id IS NOT NULL GROUP BY 1, 2) h
        ON h.platform_id = l.platform_id AND h.loop_id = l.id
      WHERE l.iter <> coalesce(h.c, 0)
    UNION ALL
    SELECT 'I11', NULL, format('the wallets hold %s and %s was earned, but %s was funded',
        usd_text(coalesce(a.held, 0)), usd_text(coalesce(b.earned, 0)),
        usd_text(coalesce(b.funded, 0)))
      FROM (SELECT sum(credits_posted - debits_posted)::bigint AS held FROM wallet) a,
        (SELECT (sum(amount) FILTER (WHERE counterpart = 'funding'))::bigint AS funded,
                -(sum(amount) FILTER (WHERE counterpart = 'revenue'))::bigint AS earned
         FROM ledger_all) b
      WHERE coalesce(a.held, 0) + coalesce(b.earned, 0) <> coalesce(b.funded, 0)
    UNION ALL
    SELECT 'I12', l.platform_id, format('ledger row %s says a balance of %s, the rows make %s', l.id,
        usd_text(l.balance_after), usd_text(l.so_far))
      FROM (SELECT x.platform_id, x.id, x.balance_after,
              (sum(x.amount) OVER (PARTITION BY x.platform_id ORDER BY x.id))::bigint AS so_far
            FROM ledger_all x) l
      WHERE l.balance_after <> l.so_far
    UNION ALL
    SELECT 'I13', h.platform_id, format('hold %s of request %s names block %s, which does not exist',
        h.id, h.request_id, h.block_id)
      FROM hold_all h
      LEFT JOIN hold b ON b.platform_id = h.platform_id AND b.id = h.block_id AND b.kind = 'block'
      WHERE h.block_id IS NOT NULL AND b.id IS NULL
    UNION ALL
    SELECT 'I14', w.platform_id, format('window %s of end user %s: %s left, %s spent and %s debited, '
        'its rows make %s, %s and %s', w.win, w.end_user_id, usd_text(w.lim - w.spent),
        usd_text(w.spent), usd_text(w.debited), usd_text(coalesce(l.remains, 0)),
        usd_text(coalesce(l.spent, 0)), usd_text(coalesce(l.debited, 0)))
      FROM budget_window w
      LEFT JOIN (SELECT x.end_user_id, x.win, sum(x.amount)::bigint AS remains,
          -(sum(x.amount) FILTER (WHERE x.type = 'usage'))::bigint AS spent,
          -(sum(x.amount) FILTER (WHERE x.type = 'debit'))::bigint AS debited
        FROM budget_transaction x GROUP BY 1, 2) l USING (end_user_id, win)
      WHERE w.lim - w.spent <> coalesce(l.remains, 0) OR w.spent <> coalesce(l.spent, 0)
        OR w.debited <> coalesce(l.debited, 0)
    UNION ALL
    SELECT 'I15', l.platform_id, format('budget row %s of end user %s leaves %s, the rows make %s',
        l.id, l.end_user_id, usd_text(l.remains), usd_text(l.so_far))
      FROM (SELECT x.platform_id, x.id, x.end_user_id, x.max_after - x.used_after AS remains,
              (sum(x.amount) OVER (PARTITION BY x.end_user_id, x.win ORDER BY x.id))::bigint AS so_far
            FROM budget_transaction x) l
      WHERE l.remains <> l.so_far
  )
  SELECT n.id, n.platform_id, n.finding
  FROM (SELECT f.*, row_number() OVER (PARTITION BY f.id ORDER BY f.platform_id, f.finding) AS at
        FROM found f) n
  WHERE n.at <= most ORDER BY n.id, n.at
$$;
