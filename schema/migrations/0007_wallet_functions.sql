-- Money is decided here. Rules (facts reliability.md 3, requirements I17-I19, I25, R136-R140, C34,
-- C35, C37):
-- * A transaction touches one platform and locks its wallet row first, so platforms never deadlock
--   each other and one platform's admissions pass one after the other.
-- * Expected outcomes are codes, not exceptions. Run at READ COMMITTED: each statement after the
--   row lock must see what the previous holder of the lock committed.
-- * No floating point anywhere.

CREATE FUNCTION month_utc() RETURNS date LANGUAGE sql STABLE AS
$$ SELECT date_trunc('month', now() AT TIME ZONE 'UTC')::date $$;
COMMENT ON FUNCTION month_utc() IS 'First day of the UTC month in which this transaction began.';

CREATE FUNCTION budget_win(period text) RETURNS date LANGUAGE sql STABLE AS $$
  SELECT CASE period WHEN 'daily' THEN (now() AT TIME ZONE 'UTC')::date
                     WHEN 'monthly' THEN month_utc() ELSE date '1970-01-01' END $$;
COMMENT ON FUNCTION budget_win(text) IS
  'The window of a budget''s period in which this transaction began.';

CREATE FUNCTION wallet_acquire(t uuid, n text, tok uuid) RETURNS SETOF bigint LANGUAGE sql AS $$
  UPDATE wallet SET epoch = epoch + 1, token = tok, node = n, acquired_at = now()
  WHERE platform_id = t RETURNING epoch $$;
COMMENT ON FUNCTION wallet_acquire(uuid, text, uuid) IS
  'Takes ownership of a platform''s money: the new epoch, or no row for an unknown platform.';

-- Budget part of an admission. The caller holds the wallet lock, which serialises all windows of
-- the platform.
-- Answers 'ok', 'over_budget' or 'suspended'; on 'ok' the amount is reserved in window `win` (null:
-- no budget).
CREATE FUNCTION budget_reserve(t uuid, u uuid, amt bigint, p platform, OUT code text, OUT win date)
LANGUAGE plpgsql AS $$
DECLARE
  b budget; w budget_window; room bigint;
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
  win := budget_win(b.period);
  INSERT INTO budget_window AS x (end_user_id, platform_id, win, lim)
    VALUES (u, t, win, b.max_amount)
    ON CONFLICT DO NOTHING;
  SELECT * INTO w FROM budget_window x WHERE x.end_user_id = u AND x.win = budget_reserve.win
    FOR UPDATE;
  room := b.max_amount - w.reserved - w.spent;
  IF room <= 0 OR (p.strict_mode AND amt > room) THEN code := 'over_budget'; RETURN; END IF;
  UPDATE budget_window x SET lim = b.max_amount, reserved = reserved + amt, overrun = greatest(0,
    amt - room)
    WHERE x.end_user_id = u AND x.win = budget_reserve.win;
END $$;
COMMENT ON FUNCTION budget_reserve(uuid, uuid, bigint, platform) IS 'Part of wallet_reserve.';

-- Takes one free call of this month unless they are used up.
CREATE FUNCTION free_call_take(t uuid, lim_now int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE n int;
BEGIN
  IF lim_now <= 0 THEN RETURN false; END IF;
  INSERT INTO free_quota AS q (platform_id, win, used, lim) VALUES (t, month_utc(), 1, lim_now)
    ON CONFLICT (platform_id, win) DO UPDATE SET used = q.used + 1, lim = excluded.lim
    WHERE q.used < excluded.lim;
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN n = 1;
END $$;
COMMENT ON FUNCTION free_call_take(uuid, int) IS 'Part of wallet_reserve.';

-- Places a hold. `x` names what is paid for: kind, end_user, subject, request_id, loop, turn,
-- turns_max, price_id.
-- Codes: ok | free | exists | mismatch | fenced | insufficient | over_budget | suspended |
-- max_iterations | no_wallet. `status` and `amount` describe the hold for ok, free and exists.
CREATE FUNCTION wallet_reserve(t uuid, e bigint, tok uuid, h uuid, rh bytea, amt bigint,
  ttl_ms bigint,
                               x jsonb, freelim int,
                               OUT code text, OUT free boolean, OUT amount bigint, OUT status text)
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

  SELECT * INTO p FROM platform WHERE id = t;
  free := k = 'mcp' AND free_call_take(t, coalesce(p.free_calls, freelim));
  IF NOT free THEN
    -- Default: something must be left, the crossing call runs. Strict: the whole estimate must fit.
    avail := w.credits_posted - w.debits_posted - w.debits_pending;
    IF avail <= 0 OR (p.strict_mode AND amt > avail) THEN code := 'insufficient'; RETURN; END IF;
    SELECT b.code, b.win INTO code, bwin FROM budget_reserve(t, u, amt, p) b;
    IF code <> 'ok' THEN RETURN; END IF;
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
    loop_id, turn,
                    price_id, win, budget_win, free, strict_mode, amount, expires_at)
    VALUES (h, t, e, rh, k, u, x->>'subject', x->>'request_id', lp, (x->>'turn')::bigint,
            (x->>'price_id')::bigint, month_utc(), bwin, wallet_reserve.free, p.strict_mode,
            wallet_reserve.amount, in_ms(ttl_ms));
  code := CASE WHEN free THEN 'free' ELSE 'ok' END;
  status := 'P';
END $$;
COMMENT ON FUNCTION wallet_reserve(uuid, bigint, uuid, uuid, bytea, bigint, bigint, jsonb, int) IS
  'Admits a model turn or tool call and holds its price, once per hold id.';

-- The log row of an ended hold: every model turn that reported something, and settled paid tool
-- calls.
CREATE FUNCTION hold_log(x hold, how "char", charged bigint, l jsonb) RETURNS void
  LANGUAGE plpgsql AS $$
BEGIN
  IF x.free OR l IS NULL OR (x.kind = 'mcp' AND how <> 'S') THEN RETURN; END IF;
  INSERT INTO request_log (platform_id, end_user_id, hold_id, request_id, request_type, provider_id,
      model_id, provider_model_id, prompt_tokens, completion_tokens, cost, latency_ms, status,
      error_message, token_count_method, billing_status, metadata)
    VALUES (x.platform_id, x.end_user_id, x.id, x.request_id,
      CASE WHEN x.kind = 'mcp' THEN 'mcp_tool' ELSE coalesce(l->>'request_type', 'response') END,
      l->>'provider_id', x.subject, l->>'provider_model_id', coalesce((l->>'input_tokens')::bigint,
        0),
      coalesce((l->>'output_tokens')::bigint, 0), charged, coalesce((l->>'latency_ms')::bigint, 0),
      coalesce(l->>'status', 'success'), nullif(l->>'error_message', ''),
      CASE WHEN x.kind = 'mcp' THEN 'none' WHEN (l->>'estimated')::boolean THEN 'estimated'
           ELSE 'provider' END,
      CASE WHEN how = 'S' THEN 'billed' ELSE 'not_billed' END,
      coalesce(l->'metadata', '{}') || jsonb_strip_nulls(jsonb_build_object(
        'cached_tokens', l->'cached_tokens', 'loop_id', x.loop_id, 'turn', x.turn)));
END $$;
COMMENT ON FUNCTION hold_log(hold, "char", bigint, jsonb) IS 'Part of wallet_resolve.';

-- Ends a hold exactly once: S settles at the real amount, V voids, E expires. Not fenced: any node
-- that knows the hold may book a real cost; hold.status makes the second attempt harmless.
-- Codes: settled | voided | expired | already | not_found. `status` is the hold's status after the
-- call, `charged` what the wallet paid, `balance` what it has left.
CREATE FUNCTION wallet_resolve(t uuid, h uuid, how "char", actual bigint, l jsonb,
                               OUT code text, OUT status text, OUT charged bigint,
                                 OUT overage bigint,
                               OUT balance bigint)
LANGUAGE plpgsql AS $$
DECLARE
  x hold; w wallet; s bigint; extra bigint;
BEGIN
  IF how NOT IN ('S', 'V', 'E') OR how IS NULL THEN
    RAISE EXCEPTION 'wallet_resolve: bad outcome %', how;
  END IF;
  IF how = 'S' AND (actual IS NULL OR actual < 0) THEN
    RAISE EXCEPTION 'wallet_resolve: bad amount %', actual;
  END IF;
  SELECT * INTO w FROM wallet WHERE platform_id = t FOR UPDATE;
  SELECT * INTO x FROM hold WHERE platform_id = t AND id = h FOR UPDATE;
  IF NOT FOUND THEN code := 'not_found'; RETURN; END IF;
  balance := w.credits_posted - w.debits_posted;
  charged := coalesce(x.settled, 0); overage := x.overage; status := x.status::text;
  IF x.status <> 'P' THEN code := 'already'; RETURN; END IF;

  extra := CASE WHEN how = 'S' THEN greatest(actual - x.amount, 0) ELSE 0 END;
  -- Above the hold: charged in the default mode, absorbed in strict mode and on free calls (I18).
  s := CASE WHEN how <> 'S' THEN NULL
            WHEN x.free OR x.strict_mode THEN least(actual, x.amount) ELSE actual END;
  charged := coalesce(s, 0); overage := extra; status := how::text;
  code := CASE how WHEN 'S' THEN 'settled' WHEN 'V' THEN 'voided' ELSE 'expired' END;
  UPDATE hold SET status = how, settled = s, overage = extra, resolved_at = clock_timestamp()
    WHERE platform_id = t AND id = h;

  IF x.free THEN
    -- A free call leaves no ledger row. Its slot goes back to the month that gave it.
    IF how <> 'S' THEN
      UPDATE free_quota SET used = used - 1 WHERE platform_id = t AND win = x.win;
    END IF;
    RETURN;
  END IF;

  UPDATE wallet SET debits_pending = debits_pending - x.amount,
    debits_posted = debits_posted + charged,
      overdraft = CASE WHEN extra = 0 THEN overdraft ELSE greatest(overdraft,
        debits_posted + charged + debits_pending - x.amount - credits_posted) END,
          updated_at = now()
    WHERE platform_id = t;
  UPDATE budget_window SET reserved = reserved - x.amount, spent = spent + charged,
      overrun = CASE WHEN extra = 0 THEN overrun ELSE greatest(overrun,
        reserved - x.amount + spent + charged - lim) END
    WHERE end_user_id = x.end_user_id AND win = x.budget_win;
  balance := balance - charged;
  IF how = 'S' THEN
    INSERT INTO ledger (platform_id, hold_id, end_user_id, type, amount, balance_after, counterpart,
      description)
      VALUES (t, h, x.end_user_id, x.kind || '_usage', -s, balance, 'revenue', x.subject);
  END IF;
  PERFORM hold_log(x, how, charged, l);
END $$;
COMMENT ON FUNCTION wallet_resolve(uuid, uuid, "char", bigint, jsonb) IS
  'Ends a hold once; writes the ledger row and the log row in the same transaction.';

-- Credits a wallet. With an idempotency key, a second call answers 'exists' and changes nothing, or
-- 'mismatch' when it asks for something else. Codes: ok | exists | mismatch | no_wallet.
CREATE FUNCTION wallet_topup(t uuid, amt bigint, descr text, idem text, rh bytea,
                             OUT code text, OUT transaction jsonb, OUT balance bigint)
LANGUAGE plpgsql AS $$
DECLARE
  w wallet; l ledger;
BEGIN
  SELECT * INTO w FROM wallet WHERE platform_id = t FOR UPDATE;
  IF NOT FOUND THEN code := 'no_wallet'; RETURN; END IF;
  IF idem IS NOT NULL THEN
    SELECT * INTO l FROM ledger WHERE platform_id = t AND idempotency_key = idem;
    IF FOUND THEN
      balance := w.credits_posted - w.debits_posted;
      IF l.request_hash IS DISTINCT FROM rh THEN code := 'mismatch'; RETURN; END IF;
      code := 'exists'; transaction := ledger_json(l);
      RETURN;
    END IF;
  END IF;
  UPDATE wallet SET credits_posted = credits_posted + amt, updated_at = now() WHERE platform_id = t;
  balance := w.credits_posted - w.debits_posted + amt;
  INSERT INTO ledger (platform_id, type, amount, balance_after, counterpart, description,
    idempotency_key,
                      request_hash)
    VALUES (t, 'top_up', amt, balance, 'funding', coalesce(descr, ''), idem, rh) RETURNING * INTO l;
  code := 'ok'; transaction := ledger_json(l);
END $$;
COMMENT ON FUNCTION wallet_topup(uuid, bigint, text, text,
  bytea) IS 'Adds money, once per idempotency key.';

-- Ends expired holds of one platform (a transaction touches one platform): settles what a
-- checkpoint reported, otherwise releases the hold as E. No rows when nothing has expired; call
-- again until then.
CREATE FUNCTION hold_sweep(n int)
RETURNS TABLE (platform_id uuid, id uuid, outcome text, charged bigint, released bigint)
LANGUAGE plpgsql AS $$
DECLARE
  x hold; r record; t uuid;
BEGIN
  SELECT h.platform_id INTO t FROM hold h
    WHERE h.status = 'P' AND h.expires_at < clock_timestamp() ORDER BY h.expires_at LIMIT 1;
  IF NOT FOUND THEN RETURN; END IF;
  -- Wallet before hold, as everywhere; wallet_resolve looks at each hold again under its lock.
  PERFORM 1 FROM wallet w WHERE w.platform_id = t FOR UPDATE;
  FOR x IN SELECT * FROM hold h WHERE h.platform_id = t AND h.status = 'P'
             AND h.expires_at < clock_timestamp() ORDER BY h.seq LIMIT n LOOP
    SELECT * INTO r FROM wallet_resolve(t, x.id,
      CASE WHEN x.checkpoint IS NULL THEN 'E'::"char" ELSE 'S'::"char" END, x.checkpoint,
      jsonb_build_object('status', 'expired', 'estimated', true,
        'error_message', 'The work did not report its end.'));
    platform_id := t; id := x.id; outcome := r.status; charged := r.charged;
    released := x.amount - least(r.charged, x.amount);
    RETURN NEXT;
  END LOOP;
END $$;
COMMENT ON FUNCTION hold_sweep(int) IS 'Ends expired holds of one platform.';

-- Money invariants (facts reliability.md 3.7). Every count is 0 at any moment.
CREATE FUNCTION ledger_verify() RETURNS TABLE (invariant text, violations bigint)
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
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS newest FROM hold) z
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
$$;
COMMENT ON FUNCTION ledger_verify() IS 'Counts of violated money invariants.';
