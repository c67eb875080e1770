-- Booking tool calls does not depend on statistics any more, and a hold tells how often the provider
-- was asked again.
--
-- The plans of calls_settle are kept. Made while `hold` was small, they read all of a platform's holds
-- for every batch, until autovacuum had counted them: 6 ms a batch instead of 1. Now blocks, budgets
-- and windows are looked up one by one, by their keys: nothing else can be planned for a LATERAL query
-- with OFFSET. Rows to be updated are found the same way and named by their place (ctid).

ALTER TABLE hold ADD COLUMN resends int NOT NULL DEFAULT 0;
COMMENT ON COLUMN hold.resends IS
  'How often the provider was asked again for the same.';
ALTER TABLE tool_charge ADD COLUMN resends int NOT NULL DEFAULT 0;
COMMENT ON COLUMN tool_charge.resends IS 'As hold.resends.';

-- To find the turns of a loop that was continued under another request id.
CREATE INDEX hold_loop ON hold (loop_id) WHERE loop_id IS NOT NULL;

CREATE OR REPLACE VIEW hold_all WITH (security_invoker = true) AS
  SELECT id, platform_id, seq, epoch, req_hash, kind, end_user_id, subject, request_id, loop_id, turn,
    price_id, win, budget_win, free, strict_mode, amount, status, settled, overage, checkpoint,
    provider_ref, created_at, expires_at, resolved_at, block_id, prices, resends
  FROM hold
  UNION ALL
  SELECT hold_id, platform_id, id, NULL, NULL, 'mcp', end_user_id, tool, request_id, NULL, NULL,
    price_id, date_trunc('month', at AT TIME ZONE 'UTC')::date, budget_win, false, strict_mode, amount,
    'S', charged, overage, NULL, NULL, at, at, at, block_id, NULL, resends
  FROM tool_charge;

-- As before, and keeps what the log says of resends, and what work gave that had been given up.
ALTER FUNCTION hold_end(uuid, uuid, "char", bigint, jsonb, text) RENAME TO hold_end_once;
COMMENT ON FUNCTION hold_end_once(uuid, uuid, "char", bigint, jsonb, text) IS 'Part of hold_end.';
CREATE FUNCTION hold_end(t uuid, h uuid, how "char", actual bigint, l jsonb, gave text,
  OUT code text, OUT status text, OUT charged bigint, OUT overage bigint, OUT balance bigint)
LANGUAGE plpgsql AS $$
BEGIN
  SELECT r.code, r.status, r.charged, r.overage, r.balance
    INTO code, status, charged, overage, balance FROM hold_end_once(t, h, how, actual, l, gave) r;
  IF code = 'late' AND gave IS NOT NULL THEN
    INSERT INTO hold_result (hold_id, platform_id, body) VALUES (h, t, gave)
      ON CONFLICT DO NOTHING;
  END IF;
  IF code IN ('settled', 'voided', 'late') AND l ? 'resends' THEN
    UPDATE hold SET resends = (l->>'resends')::int WHERE platform_id = t AND id = h;
  END IF;
END $$;
COMMENT ON FUNCTION hold_end(uuid, uuid, "char", bigint, jsonb, text) IS
  'Ends a hold once, keeps its result, and books a real cost that comes too late for it.';

-- -- booking --------------------------------------------------------------------

-- What calls cost and held, each element for one user's window and block, goes to the budgets.
CREATE FUNCTION budgets_spend(t uuid, users uuid[], wins date[], blocks uuid[], charges bigint[],
  amounts bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  -- A user who got a budget while a call of the shared block was under way has no window yet.
  INSERT INTO budget_window (end_user_id, platform_id, win, lim)
    SELECT DISTINCT x.end_user, t, x.win, g.max_amount
    FROM unnest(users, wins) AS x(end_user, win)
    JOIN LATERAL (SELECT u.max_amount FROM budget u
      WHERE u.end_user_id = x.end_user AND u.platform_id = t
        AND budget_win(u.period) = x.win OFFSET 0) g ON true
    ON CONFLICT DO NOTHING;
  UPDATE budget_window w SET spent = w.spent + s.charged, reserved = w.reserved - s.held,
      overrun = greatest(w.overrun, w.reserved - s.held + w.spent + s.charged - w.lim)
    FROM (SELECT y.charged, y.held, z.at
          FROM (SELECT x.end_user, x.win, sum(x.charged)::bigint AS charged,
                  coalesce(sum(x.amount) FILTER (WHERE b.budget_win IS NOT NULL), 0)::bigint AS held
                FROM unnest(users, wins, blocks, charges, amounts)
                  AS x(end_user, win, block, charged, amount)
                LEFT JOIN LATERAL (SELECT h.budget_win FROM hold h
                  WHERE h.platform_id = t AND h.id = x.block OFFSET 0) b ON true
                WHERE x.win IS NOT NULL GROUP BY 1, 2) y
          JOIN LATERAL (SELECT v.ctid AS at FROM budget_window v
            WHERE v.end_user_id = y.end_user AND v.win = y.win OFFSET 0) z ON true) s
    WHERE w.ctid = s.at;
END $$;
COMMENT ON FUNCTION budgets_spend(uuid, uuid[], date[], uuid[], bigint[], bigint[]) IS
  'Part of calls_settle.';

-- As before. `resends` may be null: none.
CREATE FUNCTION calls_settle(t uuid, ids uuid[], blocks uuid[], users uuid[], tools text[],
  providers text[], requests text[], prices bigint[], amounts bigint[], latencies bigint[],
  statuses text[], errors text[], resends int[], freelim int, OUT booked bigint, OUT balance bigint,
  OUT available bigint, OUT free_left bigint, OUT rules bigint)
-- A plan for each length of the arrays would be made anew for each batch. A kept plan that reads a
-- whole table, as it does well while that is small, would be kept too long.
LANGUAGE plpgsql SET plan_cache_mode TO force_generic_plan SET enable_seqscan TO off AS $$
DECLARE
  strict_now boolean; total bigint; taken bigint; in_budgets boolean;
  used_users uuid[]; used_wins date[]; used_blocks uuid[]; used_charges bigint[]; used bigint[];
  moved bigint;
  known uuid[] := '{}';
  now_at CONSTANT timestamptz := clock_timestamp();
BEGIN
  PERFORM 1 FROM wallet WHERE platform_id = t FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  SELECT w.credits_posted - w.debits_posted, w.credits_posted - w.debits_posted - w.debits_pending,
      w.rules_version, p.strict_mode,
      greatest(0, coalesce(p.free_calls, freelim) - coalesce(q.used, 0))
    INTO balance, available, rules, strict_now, free_left
    FROM wallet w JOIN platform p ON p.id = w.platform_id
    LEFT JOIN free_quota q ON q.platform_id = w.platform_id AND q.win = month_utc()
    WHERE w.platform_id = t;
  -- The first try does not look whether a call is booked already: that is rare, and the unique id
  -- tells.
  FOR try IN 1..2 LOOP
    BEGIN
      WITH item AS (
        SELECT x.*, b.open IS TRUE AS open,
          CASE WHEN g.win IS NOT NULL THEN coalesce(b.budget_win, g.win) END AS budget_win,
          CASE WHEN b.open OR NOT strict_now
                 OR calls_settle.available
                    >= sum(x.amount) FILTER (WHERE b.open IS NOT TRUE) OVER so_far
               THEN x.amount ELSE 0 END AS charge
        FROM unnest(ids, blocks, users, tools, providers, requests, prices, amounts, latencies,
            statuses, errors, calls_settle.resends) WITH ORDINALITY
          AS x(id, block, end_user, tool, provider, request, price, amount, latency, status, error,
            resends, n)
        LEFT JOIN LATERAL (SELECT h.status = 'P' AS open, h.budget_win FROM hold h
          WHERE h.platform_id = t AND h.id = x.block OFFSET 0) b ON true
        LEFT JOIN LATERAL (SELECT budget_win(u.period) AS win FROM budget u
          WHERE u.end_user_id = x.end_user AND u.platform_id = t OFFSET 0) g ON true
        WHERE x.id <> ALL (known)
        WINDOW so_far AS (ORDER BY x.n)
      ), charge_row AS (
        INSERT INTO tool_charge (platform_id, hold_id, block_id, end_user_id, tool, provider_id,
            request_id, price_id, budget_win, strict_mode, amount, overage, charged, balance_after,
            latency_ms, status, error_message, resends, at)
          SELECT t, i.id, i.block, i.end_user, i.tool, i.provider, i.request, i.price, i.budget_win,
            strict_now, CASE WHEN i.open THEN i.amount ELSE 0 END,
            CASE WHEN i.open THEN 0 ELSE i.amount END, i.charge,
            calls_settle.balance - sum(i.charge) OVER (ORDER BY i.n), i.latency, i.status, i.error,
            coalesce(i.resends, 0), now_at
          FROM item i ORDER BY i.n
          RETURNING block_id, end_user_id, budget_win, amount, charged
      ), part AS (
        -- Who has no budget is not told apart.
        SELECT block_id, CASE WHEN budget_win IS NOT NULL THEN end_user_id END AS end_user,
          budget_win, count(*) AS calls, sum(charged)::bigint AS charged,
          sum(amount)::bigint AS amount
        FROM charge_row GROUP BY 1, 2, 3
      )
      SELECT coalesce(sum(s.calls), 0), coalesce(sum(s.charged), 0), coalesce(sum(s.amount), 0),
          bool_or(s.budget_win IS NOT NULL), array_agg(s.end_user), array_agg(s.budget_win),
          array_agg(s.block_id), array_agg(s.charged), array_agg(s.amount)
        INTO booked, total, taken, in_budgets, used_users, used_wins, used_blocks, used_charges, used
        FROM part s;
      EXIT;
    EXCEPTION WHEN unique_violation THEN
      IF try = 2 THEN RAISE; END IF;
      known := ARRAY(SELECT c.hold_id FROM tool_charge c WHERE c.hold_id = ANY (ids));
    END;
  END LOOP;
  IF booked = 0 THEN RETURN; END IF;
  WITH of_block AS (
    UPDATE hold h SET amount = h.amount - b.used
      FROM (SELECT x.used, y.at
            FROM (SELECT u.id, sum(u.used)::bigint AS used FROM unnest(used_blocks, used) AS u(id, used)
                  WHERE u.used > 0 GROUP BY 1) x
            JOIN LATERAL (SELECT z.ctid AS at FROM hold z
              WHERE z.platform_id = t AND z.id = x.id OFFSET 0) y ON true) b
      WHERE h.ctid = b.at RETURNING b.used)
  SELECT coalesce(sum(o.used), 0) INTO moved FROM of_block o;
  IF moved <> taken THEN -- somebody wrote to a block without the wallet's lock: again
    RAISE EXCEPTION 'a block moved while its calls were booked' USING ERRCODE = 'serialization_failure';
  END IF;
  IF in_budgets THEN
    PERFORM budgets_spend(t, used_users, used_wins, used_blocks, used_charges, used);
  END IF;
  UPDATE wallet w SET debits_pending = w.debits_pending - taken,
      debits_posted = w.debits_posted + total,
      overdraft = greatest(w.overdraft,
        w.debits_posted + total + w.debits_pending - taken - w.credits_posted), updated_at = now()
    WHERE w.platform_id = t
    RETURNING w.credits_posted - w.debits_posted,
      w.credits_posted - w.debits_posted - w.debits_pending INTO balance, available;
END $$;
COMMENT ON FUNCTION calls_settle(uuid, uuid[], uuid[], uuid[], text[], text[], text[], bigint[],
  bigint[], bigint[], text[], text[], int[], int) IS
  'Books tool calls that were admitted from blocks.';

-- For nodes of the version before, which may run a while longer than this migration.
CREATE OR REPLACE FUNCTION calls_settle(t uuid, ids uuid[], blocks uuid[], users uuid[], tools text[],
  providers text[], requests text[], prices bigint[], amounts bigint[], latencies bigint[],
  statuses text[], errors text[], freelim int, OUT booked bigint, OUT balance bigint,
  OUT available bigint, OUT free_left bigint, OUT rules bigint)
LANGUAGE sql AS $$
  SELECT s.booked, s.balance, s.available, s.free_left, s.rules FROM calls_settle(t, ids, blocks,
    users, tools, providers, requests, prices, amounts, latencies, statuses, errors, NULL::int[],
    freelim) s $$;
DROP FUNCTION budgets_spend(uuid, bigint[]);
