-- The real cost of work that had been given up at what it reported last: the sweeper, or the next
-- owner of the database, has settled its hold at that checkpoint, and the rest was lost when the
-- work's own settlement came after all, from a journal as a rule. Now the rest is booked like the
-- whole cost of a hold that had expired: as a settled hold of its own, once.
CREATE OR REPLACE FUNCTION hold_end(t uuid, h uuid, how "char", actual bigint, l jsonb, gave text,
  OUT code text, OUT status text, OUT charged bigint, OUT overage bigint, OUT balance bigint)
LANGUAGE plpgsql AS $$
DECLARE
  x hold; w wallet; late uuid := md5('late/' || h)::uuid; bwin date; rest bigint; pay bigint;
  strict_now boolean; given_up boolean;
BEGIN
  SELECT r.code, r.status, r.charged, r.overage, r.balance
    INTO code, status, charged, overage, balance FROM wallet_resolve(t, h, how, actual, l) r;
  IF how = 'S' AND code = 'settled' AND gave IS NOT NULL THEN
    INSERT INTO hold_result (hold_id, platform_id, body) VALUES (h, t, gave)
      ON CONFLICT DO NOTHING;
  END IF;
  IF how <> 'S' OR code <> 'already' OR actual = 0 THEN RETURN; END IF;
  SELECT * INTO x FROM hold k WHERE k.platform_id = t AND k.id = h;
  IF x.free OR x.kind = 'block' THEN RETURN; END IF;
  -- Settled by others at its checkpoint: the log says so. Else it is the same settlement again.
  given_up := status = 'S' AND x.settled = x.checkpoint AND EXISTS (
    SELECT FROM request_log g WHERE g.platform_id = t AND g.hold_id = h
      AND g.status IN ('expired', 'interrupted'));
  IF given_up AND gave IS NOT NULL THEN
    INSERT INTO hold_result (hold_id, platform_id, body) VALUES (h, t, gave)
      ON CONFLICT DO NOTHING;
  END IF;
  rest := CASE WHEN status IN ('V', 'E') THEN actual
               WHEN given_up THEN actual - x.settled ELSE 0 END;
  IF rest <= 0 THEN RETURN; END IF;
  SELECT * INTO w FROM wallet k WHERE k.platform_id = t; -- locked by wallet_resolve
  SELECT p.strict_mode INTO strict_now FROM platform p WHERE p.id = t;
  pay := CASE WHEN strict_now
    THEN greatest(0, least(rest, w.credits_posted - w.debits_posted - w.debits_pending))
    ELSE rest END;
  SELECT budget_win(g.period) INTO bwin FROM budget g WHERE g.end_user_id = x.end_user_id;
  INSERT INTO budget_window (end_user_id, platform_id, win, lim)
    SELECT g.end_user_id, t, bwin, g.max_amount FROM budget g WHERE g.end_user_id = x.end_user_id
    ON CONFLICT DO NOTHING;
  INSERT INTO hold (id, platform_id, epoch, req_hash, kind, end_user_id, subject, request_id,
      price_id, prices, win, budget_win, free, strict_mode, amount, status, settled, overage,
      expires_at, resolved_at)
    VALUES (late, t, w.epoch, x.req_hash, x.kind, x.end_user_id, x.subject, x.request_id, x.price_id,
      x.prices, month_utc(), bwin, false, strict_now, 0, 'S', pay, rest, clock_timestamp(),
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
  code := 'late'; status := 'S'; charged := pay; overage := rest; balance := balance - pay;
  INSERT INTO ledger (platform_id, hold_id, end_user_id, type, amount, balance_after, counterpart,
      description)
    VALUES (t, late, x.end_user_id, x.kind || '_usage', -pay, balance, 'revenue', x.subject);
  SELECT * INTO x FROM hold k WHERE k.platform_id = t AND k.id = late;
  PERFORM hold_log(x, 'S', pay, l);
END $$;
