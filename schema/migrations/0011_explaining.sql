-- What operators ask of the money: `inspect explain` counts the free calls of a month before one of
-- them, and `ledger verify` says where an invariant does not hold.

-- At most a few hundred rows per platform and month, and none of the calls booked from blocks.
CREATE INDEX hold_free ON hold (platform_id, win, seq) WHERE free;

-- The conditions are those of ledger_verify(), which stays the judge: it counts, this only tells
-- where to look. Both see one platform when row-level security lets them see one.
CREATE FUNCTION ledger_findings(most bigint)
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
      LEFT JOIN (SELECT x.platform_id, -sum(x.amount)::bigint s FROM ledger x
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
        SELECT sum(x.overage)::bigint AS overage FROM hold x
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
        FROM hold WHERE NOT free AND budget_win IS NOT NULL GROUP BY 1, 2) h
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
        FROM ledger x GROUP BY 1) l ON l.platform_id = w.platform_id
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
         FROM ledger) b
      WHERE coalesce(a.held, 0) + coalesce(b.earned, 0) <> coalesce(b.funded, 0)
    UNION ALL
    SELECT 'I12', l.platform_id, format('ledger row %s says a balance of %s, the rows make %s', l.id,
        usd_text(l.balance_after), usd_text(l.so_far))
      FROM (SELECT x.platform_id, x.id, x.balance_after,
              (sum(x.amount) OVER (PARTITION BY x.platform_id ORDER BY x.id))::bigint AS so_far
            FROM ledger x) l
      WHERE l.balance_after <> l.so_far
    UNION ALL
    SELECT 'I13', h.platform_id, format('hold %s of request %s names block %s, which does not exist',
        h.id, h.request_id, h.block_id)
      FROM hold h
      LEFT JOIN hold b ON b.platform_id = h.platform_id AND b.id = h.block_id AND b.kind = 'block'
      WHERE h.block_id IS NOT NULL AND b.id IS NULL
  )
  SELECT n.id, n.platform_id, n.finding
  FROM (SELECT f.*, row_number() OVER (PARTITION BY f.id ORDER BY f.platform_id, f.finding) AS at
        FROM found f) n
  WHERE n.at <= most ORDER BY n.id, n.at
$$;
COMMENT ON FUNCTION ledger_findings(bigint) IS
  'Where money invariants are violated, in words; at most so many places for each.';
