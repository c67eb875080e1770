-- Work that was given up and came to its end all the same counts as done, whatever it cost.
--
-- A free call whose end came after the sweeper had taken its slot back was forgotten: one more than the
-- free ones could be had, and a repetition under its key made it again. So was what a turn at price 0
-- gave. And a checkpoint that came while its hold was being swept made the rest of its cost look like
-- the same settlement again.

DROP FUNCTION hold_end(uuid, uuid, "char", bigint, jsonb, text);
DROP FUNCTION hold_end_once(uuid, uuid, "char", bigint, jsonb, text);

-- The end of work whose hold has been ended by others. Codes: late (booked now) | already. A free call
-- takes its slot again; when others have taken it meanwhile, it is paid. Other work pays what its hold
-- was not charged, as a settled hold of its own, once. What it gave is kept.
CREATE FUNCTION hold_end_late(t uuid, h uuid, actual bigint, l jsonb, gave text,
  OUT code text, OUT status text, OUT charged bigint, OUT overage bigint, OUT balance bigint)
LANGUAGE plpgsql AS $$
DECLARE
  x hold; w wallet; late uuid := md5('late/' || h)::uuid; bwin date; rest bigint; pay bigint;
  strict_now boolean; lost boolean; given_up boolean;
BEGIN
  SELECT * INTO x FROM hold k WHERE k.platform_id = t AND k.id = h;
  SELECT * INTO w FROM wallet k WHERE k.platform_id = t; -- locked by wallet_resolve
  code := 'already'; status := x.status::text; charged := coalesce(x.settled, 0);
  overage := x.overage; balance := w.credits_posted - w.debits_posted;
  lost := x.status IN ('V', 'E');
  -- Settled by others at its checkpoint: the log says so. Else it is the same settlement again.
  given_up := x.status = 'S' AND EXISTS (SELECT FROM request_log g
    WHERE g.platform_id = t AND g.hold_id = h AND g.status IN ('expired', 'interrupted'));
  IF x.kind = 'block' OR NOT (lost OR given_up)
      OR EXISTS (SELECT FROM hold k WHERE k.platform_id = t AND k.id = late) THEN
    RETURN;
  END IF;
  IF gave IS NOT NULL THEN
    INSERT INTO hold_result (hold_id, platform_id, body) VALUES (h, t, gave)
      ON CONFLICT DO NOTHING;
  END IF;
  IF x.free THEN
    UPDATE free_quota q SET used = q.used + 1
      WHERE q.platform_id = t AND q.win = x.win AND q.used < q.lim;
    IF FOUND THEN
      UPDATE hold k SET status = 'S', settled = 0, resolved_at = clock_timestamp()
        WHERE k.platform_id = t AND k.id = h;
      code := 'late'; status := 'S';
      RETURN;
    END IF;
    SELECT p.price INTO actual FROM tool_price p WHERE p.id = x.price_id;
  END IF;
  rest := coalesce(actual, 0) - charged;
  IF rest <= 0 THEN RETURN; END IF;
  -- In strict mode what was held is the most that is paid, and the wallet stays above zero.
  pay := CASE WHEN x.strict_mode AND NOT x.free THEN least(rest, greatest(0, x.amount - charged))
              ELSE rest END;
  SELECT p.strict_mode INTO strict_now FROM platform p WHERE p.id = t;
  IF strict_now THEN
    pay := greatest(0, least(pay, w.credits_posted - w.debits_posted - w.debits_pending));
  END IF;
  SELECT budget_win(g.period) INTO bwin FROM budget g WHERE g.end_user_id = x.end_user_id;
  INSERT INTO budget_window (end_user_id, platform_id, win, lim)
    SELECT g.end_user_id, t, bwin, g.max_amount FROM budget g WHERE g.end_user_id = x.end_user_id
    ON CONFLICT DO NOTHING;
  INSERT INTO hold (id, platform_id, epoch, req_hash, kind, end_user_id, subject, request_id,
      price_id, prices, win, budget_win, free, strict_mode, amount, status, settled, overage,
      expires_at, resolved_at)
    VALUES (late, t, w.epoch, x.req_hash, x.kind, x.end_user_id, x.subject, x.request_id, x.price_id,
      x.prices, month_utc(), bwin, false, strict_now, 0, 'S', pay, rest, clock_timestamp(),
      clock_timestamp());
  UPDATE wallet SET debits_posted = debits_posted + pay,
      overdraft = greatest(overdraft, debits_posted + pay + debits_pending - credits_posted),
      updated_at = now()
    WHERE platform_id = t;
  UPDATE budget_window b SET spent = b.spent + pay,
      overrun = greatest(b.overrun, b.reserved + b.spent + pay - b.lim)
    WHERE b.end_user_id = x.end_user_id AND b.win = bwin;
  code := 'late'; status := 'S'; charged := pay; overage := rest; balance := balance - pay;
  INSERT INTO ledger (platform_id, hold_id, end_user_id, type, amount, balance_after, counterpart,
      description)
    VALUES (t, late, x.end_user_id, x.kind || '_usage', -pay, balance, 'revenue', x.subject);
  SELECT * INTO x FROM hold k WHERE k.platform_id = t AND k.id = late;
  PERFORM hold_log(x, 'S', pay, l);
END $$;
COMMENT ON FUNCTION hold_end_late(uuid, uuid, bigint, jsonb, text) IS 'Part of hold_end.';

-- Ends a hold as wallet_resolve does, keeps what the work gave and what the log says of resends. Codes
-- as there, and late.
CREATE FUNCTION hold_end(t uuid, h uuid, how "char", actual bigint, l jsonb, gave text,
  OUT code text, OUT status text, OUT charged bigint, OUT overage bigint, OUT balance bigint)
LANGUAGE plpgsql AS $$
BEGIN
  SELECT r.code, r.status, r.charged, r.overage, r.balance
    INTO code, status, charged, overage, balance FROM wallet_resolve(t, h, how, actual, l) r;
  IF how = 'S' AND code = 'already' THEN
    SELECT r.code, r.status, r.charged, r.overage, r.balance
      INTO code, status, charged, overage, balance FROM hold_end_late(t, h, actual, l, gave) r;
  ELSIF how = 'S' AND code = 'settled' AND gave IS NOT NULL THEN
    INSERT INTO hold_result (hold_id, platform_id, body) VALUES (h, t, gave)
      ON CONFLICT DO NOTHING;
  END IF;
  IF code IN ('settled', 'voided', 'late') AND l ? 'resends' THEN
    UPDATE hold SET resends = (l->>'resends')::int WHERE platform_id = t AND id = h;
  END IF;
END $$;
COMMENT ON FUNCTION hold_end(uuid, uuid, "char", bigint, jsonb, text) IS
  'Ends a hold once, keeps its result, and books what comes too late for it.';

-- As before, but each hold is read when its turn comes, under its lock: a checkpoint may have come
-- since the list was made, with more use or more time.
CREATE OR REPLACE FUNCTION hold_sweep(n int)
RETURNS TABLE (platform_id uuid, id uuid, outcome text, charged bigint, released bigint)
LANGUAGE plpgsql AS $$
DECLARE
  x hold; r record; t uuid; one uuid; ended int := 0; patient boolean;
BEGIN
  -- A busy platform is waited for when nobody else is left.
  FOR t, patient IN WITH late AS (
        SELECT h.platform_id, min(h.expires_at) AS since FROM hold h
        WHERE h.status = 'P' AND h.expires_at < clock_timestamp() GROUP BY 1)
      SELECT l.platform_id, w.waits FROM late l CROSS JOIN (VALUES (false), (true)) w(waits)
      ORDER BY w.waits, l.since LOOP
    -- Wallet before hold, as everywhere.
    IF patient THEN
      PERFORM 1 FROM wallet w WHERE w.platform_id = t FOR UPDATE;
    ELSE
      PERFORM 1 FROM wallet w WHERE w.platform_id = t FOR UPDATE SKIP LOCKED;
      CONTINUE WHEN NOT FOUND;
    END IF;
    FOR one IN SELECT h.id FROM hold h WHERE h.platform_id = t AND h.status = 'P'
                 AND h.expires_at < clock_timestamp() ORDER BY h.seq LOOP
      EXIT WHEN ended >= n;
      SELECT * INTO x FROM hold h WHERE h.platform_id = t AND h.id = one AND h.status = 'P'
        AND h.expires_at < clock_timestamp() FOR UPDATE;
      CONTINUE WHEN NOT FOUND;
      BEGIN
        SELECT * INTO r FROM wallet_resolve(t, x.id,
          CASE WHEN x.checkpoint IS NULL THEN 'E'::"char" ELSE 'S'::"char" END, x.checkpoint,
          jsonb_build_object('status', 'expired', 'estimated', true,
            'error_message', 'The work did not report its end.'));
      EXCEPTION WHEN OTHERS THEN
        RAISE WARNING 'hold % of platform % cannot be ended: %', x.id, t, SQLERRM;
        CONTINUE;
      END;
      platform_id := t; id := x.id; outcome := r.status; charged := r.charged;
      released := x.amount - least(r.charged, x.amount);
      ended := ended + 1;
      RETURN NEXT;
    END LOOP;
    EXIT WHEN ended > 0; -- a transaction touches one platform
  END LOOP;
END $$;

-- As before, but no more holds of a dead process than fit well into one statement's time (4,000 took
-- two seconds); blocks come first. The sweeper ends the others when their time is over.
CREATE OR REPLACE FUNCTION wallet_acquire(t uuid, n text, tok uuid, alone boolean) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE e bigint; former text; x record;
BEGIN
  SELECT w.node INTO former FROM wallet w WHERE w.platform_id = t FOR UPDATE;
  UPDATE wallet SET epoch = epoch + 1, token = tok, node = n, acquired_at = now()
    WHERE platform_id = t RETURNING epoch INTO e;
  IF alone THEN
    FOR x IN SELECT id, checkpoint FROM hold WHERE platform_id = t AND status = 'P'
        AND (kind = 'block' OR former IS DISTINCT FROM n) ORDER BY kind <> 'block', seq LIMIT 1000 LOOP
      PERFORM * FROM wallet_resolve(t, x.id,
        CASE WHEN x.checkpoint IS NULL THEN 'E'::"char" ELSE 'S'::"char" END, x.checkpoint,
        jsonb_build_object('status', 'interrupted', 'estimated', true,
          'error_message', 'The node that did the work died.'));
    END LOOP;
  END IF;
  RETURN e;
END $$;
