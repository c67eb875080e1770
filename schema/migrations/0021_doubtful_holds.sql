-- A try that does not know whether it placed a hold gives it back when PostgreSQL is there again, from
-- a journal. Meanwhile another node may have placed the same hold for a repetition of the request, and
-- work on it: giving it back then let a third try pay once more. Now a hold knows who placed it.
ALTER TABLE hold ADD COLUMN holder uuid;
COMMENT ON COLUMN hold.holder IS
  'Token of the owner that placed it; only that one may undo it when in doubt.';

-- As before, and notes the holder. What came to nothing binds nobody: it is no mismatch when another
-- request asks for the same id, which goes on to the next one. A tool call that ended longer ago than
-- its result is kept (limits::kept_result_ttl) counts as come to nothing, so that its idempotency key
-- may be used anew; turns of loops do not, as the others of their loop may be younger. And work that was
-- given up, but came to its end all the same, has been done.
CREATE OR REPLACE FUNCTION wallet_reserve(t uuid, e bigint, tok uuid, h uuid, rh bytea, amt bigint,
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
    code := 'exists'; free := old.free; amount := old.amount; status := old.status::text;
    IF old.kind = 'mcp' AND old.status <> 'P'
        AND old.resolved_at < clock_timestamp() - interval '48 hours' THEN
      status := 'E';
    ELSIF old.status IN ('V', 'E') AND old.req_hash = rh AND EXISTS (SELECT FROM hold_result r
        WHERE r.platform_id = t AND r.hold_id = h) THEN
      status := 'S';
    ELSIF old.req_hash <> rh AND old.status IN ('P', 'S') THEN
      code := 'mismatch'; free := false; amount := 0; status := NULL;
    END IF;
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
  INSERT INTO hold (id, platform_id, epoch, holder, req_hash, kind, end_user_id, subject, request_id,
      loop_id, turn, price_id, prices, win, budget_win, free, strict_mode, amount, expires_at)
    VALUES (h, t, e, tok, rh, k, u, x->>'subject', x->>'request_id', lp, (x->>'turn')::bigint,
            (x->>'price_id')::bigint, nullif(x->'prices', 'null'::jsonb), month_utc(), bwin,
            wallet_reserve.free, p.strict_mode, wallet_reserve.amount, in_ms(ttl_ms));
  code := CASE WHEN free THEN 'free' ELSE 'ok' END;
  status := 'P';
END $$;

-- Voids a hold that `tok` placed. Codes: voided | already | not_found | not_ours. `why` is for the log
-- row of a model turn; null: none.
CREATE FUNCTION hold_undo(t uuid, h uuid, tok uuid, why text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE x hold;
BEGIN
  PERFORM 1 FROM wallet WHERE platform_id = t FOR UPDATE;
  SELECT * INTO x FROM hold WHERE platform_id = t AND id = h;
  IF FOUND AND x.holder IS DISTINCT FROM tok THEN RETURN 'not_ours'; END IF;
  RETURN (SELECT r.code FROM wallet_resolve(t, h, 'V', 0, CASE WHEN why IS NOT NULL THEN
    jsonb_build_object('status', 'error', 'error_message', why) END) r);
END $$;
COMMENT ON FUNCTION hold_undo(uuid, uuid, uuid, text) IS
  'Voids a hold of which it is not known whether it was placed, unless another owner has placed it.';

-- As before, but nothing holds up the others: neither a platform whose wallet is locked nor a hold that
-- cannot be ended. They are passed over and come last, or when the sweeper comes next.
CREATE OR REPLACE FUNCTION hold_sweep(n int)
RETURNS TABLE (platform_id uuid, id uuid, outcome text, charged bigint, released bigint)
LANGUAGE plpgsql AS $$
DECLARE
  x hold; r record; t uuid; ended int := 0; patient boolean;
BEGIN
  -- A busy platform is waited for when nobody else is left.
  FOR t, patient IN WITH late AS (
        SELECT h.platform_id, min(h.expires_at) AS since FROM hold h
        WHERE h.status = 'P' AND h.expires_at < clock_timestamp() GROUP BY 1)
      SELECT l.platform_id, w.waits FROM late l CROSS JOIN (VALUES (false), (true)) w(waits)
      ORDER BY w.waits, l.since LOOP
    -- Wallet before hold, as everywhere; wallet_resolve looks at each hold again under its lock.
    IF patient THEN
      PERFORM 1 FROM wallet w WHERE w.platform_id = t FOR UPDATE;
    ELSE
      PERFORM 1 FROM wallet w WHERE w.platform_id = t FOR UPDATE SKIP LOCKED;
      CONTINUE WHEN NOT FOUND;
    END IF;
    FOR x IN SELECT * FROM hold h WHERE h.platform_id = t AND h.status = 'P'
               AND h.expires_at < clock_timestamp() ORDER BY h.seq LOOP
      EXIT WHEN ended >= n;
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
