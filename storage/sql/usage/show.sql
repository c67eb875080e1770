-- [tenant] Free tool calls of this UTC month. No row: unknown platform.
-- $1 free calls a month when the platform has no own number
-- -> body, used, left_over
SELECT jsonb_build_object('platform_id', p.id, 'month', to_char(month_utc(), 'YYYY-MM'),
    'free_calls_limit', f.lim, 'free_calls_used', f.used,
    'free_calls_left', greatest(0, f.lim - f.used),
    'resets_at', iso_utc((month_utc() + interval '1 month') AT TIME ZONE 'UTC'))::text AS body,
  f.used, greatest(0, f.lim - f.used) AS left_over
FROM platform p
LEFT JOIN free_quota q ON q.platform_id = p.id AND q.win = month_utc()
CROSS JOIN LATERAL (SELECT coalesce(p.free_calls, $1::int) AS lim, coalesce(q.used, 0) AS used) f
WHERE p.id = tenant()
