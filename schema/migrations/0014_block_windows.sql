-- What the random histories of tests/storage/wallet_model_test.cpp found in 0009.

-- As before, but a block that cannot grow is told apart, with the code `ended`: it has been ended,
-- or the window of its budget has passed or is another one now. A second row of its id broke the
-- primary key, so the first call of a day was refused.
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

-- As before, but I4 looks at the last call that had to pass the wallet: one from a block, a block
-- and a call for nothing do not, and after the crossing call they may well come. Strict or not is
-- what that call was admitted under, not what the platform is set to now.
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
    CROSS JOIN LATERAL (SELECT w.debits_posted + w.debits_pending - w.credits_posted AS below) o
    LEFT JOIN LATERAL (
      SELECT sum(overage) AS overage FROM hold
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
