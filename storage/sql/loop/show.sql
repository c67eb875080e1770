-- [tenant] Shows a model loop.
-- $1 loop id uuid
-- -> body, iter, max_iter
SELECT jsonb_build_object('id', l.id, 'end_user_id', l.end_user_id, 'iter', l.iter, 'max_iter',
  l.max_iter,
    'created_at', iso_utc(l.created_at), 'holds', (
      SELECT coalesce(jsonb_agg(jsonb_build_object('id', h.id, 'turn', h.turn, 'kind', h.kind,
        'subject', h.subject, 'status', h.status, 'amount', usd_text(h.amount),
        'settled', usd_text(h.settled)) ORDER BY h.seq), '[]')
      FROM hold h WHERE h.platform_id = l.platform_id AND h.loop_id = l.id))::text AS body,
  l.iter, l.max_iter
FROM loop l WHERE l.id = $1::uuid AND l.platform_id = tenant()
