-- Most batches are plain: all calls drew from one open block, and none of their users has a budget.
-- Booking these looks up nothing for each call. What a batch costs in PostgreSQL is mostly making
-- ready its statements, and those of calls_settle have parts for everything else as well.

-- Books tool calls that were admitted from blocks, as calls_settle does. `plain_rules` are the rules
-- under which the caller knows that none of the users has a budget, or null. A new budget changes
-- them, so under the lock of the wallet's row that knowledge still holds if they are the same.
CREATE FUNCTION calls_book(t uuid, ids uuid[], blocks uuid[], users uuid[], tools text[],
  providers text[], requests text[], prices bigint[], amounts bigint[], latencies bigint[],
  statuses text[], errors text[], resends int[], freelim int, plain_rules bigint, OUT booked bigint,
  OUT balance bigint, OUT available bigint, OUT free_left bigint, OUT rules bigint)
-- As calls_settle, which says why.
LANGUAGE plpgsql SET plan_cache_mode TO force_generic_plan SET enable_seqscan TO off AS $$
DECLARE
  strict_now boolean; total bigint := 0; price bigint;
  now_at CONSTANT timestamptz := clock_timestamp();
BEGIN
  IF plain_rules IS NOT NULL AND blocks[1] = ALL (blocks) THEN
    FOREACH price IN ARRAY amounts LOOP total := total + price; END LOOP;
    BEGIN
      -- What was pending is posted now: the overdraft stays as it is.
      UPDATE wallet w SET debits_pending = w.debits_pending - total,
          debits_posted = w.debits_posted + total, updated_at = now()
        FROM platform p
        WHERE w.platform_id = t AND w.rules_version = plain_rules AND p.id = w.platform_id
        RETURNING w.credits_posted - w.debits_posted,
          w.credits_posted - w.debits_posted - w.debits_pending, w.rules_version, p.strict_mode,
          greatest(0, coalesce(p.free_calls, freelim) - coalesce((SELECT q.used FROM free_quota q
            WHERE q.platform_id = t AND q.win = month_utc()), 0))
        INTO balance, available, rules, strict_now, free_left;
      IF FOUND THEN
        UPDATE hold h SET amount = h.amount - total
          WHERE h.platform_id = t AND h.id = blocks[1] AND h.status = 'P' AND h.budget_win IS NULL;
        IF NOT FOUND THEN RAISE EXCEPTION 'the block has ended' USING ERRCODE = 'CB001'; END IF;
        INSERT INTO tool_charge (platform_id, hold_id, block_id, end_user_id, tool, provider_id,
            request_id, price_id, strict_mode, amount, overage, charged, balance_after, latency_ms,
            status, error_message, resends, at)
          SELECT t, x.id, x.block, x.end_user, x.tool, x.provider, x.request, x.price_id, strict_now,
            x.amount, 0, x.amount,
            calls_book.balance + total - sum(x.amount) OVER (ORDER BY x.n), x.latency, x.status,
            x.error, coalesce(x.resends, 0), now_at
          FROM unnest(ids, blocks, users, tools, providers, requests, prices, amounts, latencies,
              statuses, errors, calls_book.resends) WITH ORDINALITY
            AS x(id, block, end_user, tool, provider, request, price_id, amount, latency, status,
              error, resends, n)
          ORDER BY x.n;
        GET DIAGNOSTICS booked = ROW_COUNT;
        RETURN;
      END IF;
    EXCEPTION WHEN unique_violation OR check_violation OR SQLSTATE 'CB001' THEN
      NULL; -- booked in part already, or from a block that has ended: not plain
    END;
  END IF;
  SELECT s.booked, s.balance, s.available, s.free_left, s.rules
    INTO booked, balance, available, free_left, rules
    FROM calls_settle(t, ids, blocks, users, tools, providers, requests, prices, amounts, latencies,
      statuses, errors, resends, freelim) s;
END $$;
COMMENT ON FUNCTION calls_book(uuid, uuid[], uuid[], uuid[], text[], text[], text[], bigint[],
  bigint[], bigint[], text[], text[], int[], int, bigint) IS
  'Books tool calls that were admitted from blocks.';
COMMENT ON FUNCTION calls_settle(uuid, uuid[], uuid[], uuid[], text[], text[], text[], bigint[],
  bigint[], bigint[], text[], text[], int[], int) IS 'Part of calls_book.';
