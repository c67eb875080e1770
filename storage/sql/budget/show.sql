-- [tenant] An end user's budget in its present window. No row: no budget.
-- $1 end_user uuid
-- -> body, max_amount micro-USD, used micro-USD, is_suspended bool
SELECT jsonb_build_object('platform_id', b.platform_id, 'end_user_id', b.end_user_id,
    'max_usd', usd_text(b.max_amount), 'used_usd', usd_text(coalesce(w.spent, 0)),
    'remaining_usd', usd_text(b.max_amount - coalesce(w.spent, 0)), 'period', b.period,
    'period_start', CASE b.period WHEN 'one_time' THEN iso_utc(b.created_at)
      ELSE iso_utc(budget_win(b.period)::timestamp AT TIME ZONE 'UTC') END,
    'is_active', true, 'is_suspended', b.is_suspended, 'created_at',
      iso_utc(b.created_at))::text AS body,
  b.max_amount, coalesce(w.spent, 0) AS used, b.is_suspended
FROM budget b
LEFT JOIN budget_window w ON w.end_user_id = b.end_user_id AND w.win = budget_win(b.period)
WHERE b.end_user_id = $1::uuid AND b.platform_id = tenant()
