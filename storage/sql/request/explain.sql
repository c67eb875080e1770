-- [system] All that is booked under a request id, in order of admission; the newest when there is
--   more than the limit. A client may use an id of its own again, and so may another platform's.
--   With it what is booked under other ids of the same loop, which an idempotency key continued.
-- $1 request_id
-- $2 platform uuid, or null for all
-- $3 limit
-- -> body, total
WITH one_loop AS (
  SELECT DISTINCT platform_id, loop_id FROM hold WHERE request_id = $1 AND loop_id IS NOT NULL
), name AS (
  SELECT $1 AS request_id, NULL::uuid AS of_platform
  UNION
  SELECT h.request_id, h.platform_id FROM one_loop l
  JOIN hold h ON h.loop_id = l.loop_id AND h.platform_id = l.platform_id AND h.request_id <> $1
), found AS (
  SELECT h.*, count(*) OVER () AS total FROM name n JOIN hold_all h ON h.request_id = n.request_id
    AND (n.of_platform IS NULL OR h.platform_id = n.of_platform)
  WHERE h.kind <> 'block' AND ($2::uuid IS NULL OR h.platform_id = $2::uuid)
    -- A client may put the other id on loops that have nothing to do with this one.
    AND (h.request_id = $1 OR h.kind <> 'llm' OR EXISTS (SELECT FROM one_loop l
      WHERE l.platform_id = h.platform_id AND l.loop_id = h.loop_id))
  ORDER BY (h.request_id = $1) DESC, h.created_at DESC, h.seq DESC LIMIT $3::bigint
)
SELECT (jsonb_build_object('id', f.id, 'platform_id', f.platform_id, 'platform', p.name,
    'end_user_id', f.end_user_id, 'end_user', u.external_id,
    'request_id', f.request_id, 'resends', f.resends, 'kind', f.kind, 'subject', f.subject,
    'loop_id', f.loop_id, 'turn', f.turn, 'turns_max', l.max_iter, 'free', f.free,
    'strict', f.strict_mode, 'amount', f.amount, 'status', f.status::text, 'settled', f.settled,
    'overage', f.overage, 'checkpoint', f.checkpoint, 'provider_ref', f.provider_ref,
    'created_at', iso_utc(f.created_at), 'expires_at', iso_utc(f.expires_at),
    'resolved_at', iso_utc(f.resolved_at), 'late', f.expires_at < clock_timestamp(),
    'prices', f.prices, 'block_id', f.block_id)
  || jsonb_build_object(
    'rest_of', (SELECT jsonb_build_object('held', o.amount, 'settled', coalesce(o.settled, 0),
        'free', o.free, 'strict', o.strict_mode) FROM hold o WHERE o.platform_id = f.platform_id
      AND o.request_id = f.request_id AND md5('late/' || o.id)::uuid = f.id),
    'price', CASE WHEN t.id IS NOT NULL THEN jsonb_build_object('scope', t.scope, 'name', t.name,
      'version', t.version, 'price', t.price) END,
    'free_call', CASE WHEN f.free THEN jsonb_build_object('month', to_char(f.win, 'YYYY-MM'),
      'limit', q.lim, 'number', (SELECT count(*) FROM hold x WHERE x.platform_id = f.platform_id
        AND x.win = f.win AND x.free AND x.status IN ('P', 'S') AND x.seq <= f.seq)) END,
    'budget', CASE WHEN f.budget_win IS NOT NULL THEN jsonb_build_object('window', CASE
        WHEN f.budget_win = date '1970-01-01' THEN 'one_time'
        WHEN b.period = 'monthly' THEN to_char(f.budget_win, 'YYYY-MM')
        ELSE f.budget_win::text END,
      'limit', w.lim, 'reserved', w.reserved, 'spent', w.spent) END,
    'ledger', CASE WHEN r.id IS NOT NULL THEN jsonb_build_object('id', r.id::text, 'type', r.type,
      'amount', r.amount, 'balance_after', r.balance_after, 'description', r.description,
      'at', iso_utc(r.at)) END,
    'log', CASE WHEN g.id IS NOT NULL THEN jsonb_build_object('request_type', g.request_type,
      'input_tokens', g.prompt_tokens, 'output_tokens', g.completion_tokens, 'cached_tokens',
      coalesce((g.metadata->>'cached_tokens')::bigint, 0), 'cost', g.cost, 'latency_ms',
      g.latency_ms, 'status', g.status, 'error_message', g.error_message, 'estimated',
      g.token_count_method = 'estimated') END))::text AS body, f.total
FROM found f
JOIN platform p ON p.id = f.platform_id
LEFT JOIN end_user u ON u.platform_id = f.platform_id AND u.id = f.end_user_id
LEFT JOIN loop l ON l.platform_id = f.platform_id AND l.id = f.loop_id
LEFT JOIN tool_price t ON t.id = f.price_id
LEFT JOIN free_quota q ON q.platform_id = f.platform_id AND q.win = f.win AND f.free
LEFT JOIN budget b ON b.platform_id = f.platform_id AND b.end_user_id = f.end_user_id
LEFT JOIN budget_window w ON w.end_user_id = f.end_user_id AND w.win = f.budget_win
LEFT JOIN ledger_all r ON r.platform_id = f.platform_id AND r.hold_id = f.id
LEFT JOIN request_log_all g ON g.platform_id = f.platform_id AND g.hold_id = f.id
ORDER BY f.platform_id, f.created_at, f.seq
