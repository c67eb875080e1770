-- [system] Open holds beyond their end, longest first, with all the money that they keep back.
-- $1 platform uuid, or null for all
-- $2 limit
-- -> data, total, exposure micro-USD
WITH late AS (
  SELECT * FROM hold WHERE status = 'P' AND expires_at < clock_timestamp()
    AND ($1::uuid IS NULL OR platform_id = $1::uuid)
), page AS (SELECT * FROM late ORDER BY expires_at LIMIT $2::bigint)
SELECT coalesce(jsonb_agg(jsonb_build_object('id', id, 'platform_id', platform_id, 'kind', kind,
    'end_user_id', end_user_id, 'subject', subject, 'request_id', request_id, 'free', free,
    'amount', usd_text(amount), 'checkpoint', usd_text(checkpoint), 'provider_ref', provider_ref,
    'created_at', iso_utc(created_at), 'expires_at', iso_utc(expires_at),
    'late_ms', -ms_until(expires_at)) ORDER BY expires_at), '[]')::text AS data,
  (SELECT count(*) FROM late) AS total,
  (SELECT coalesce(sum(amount), 0)::bigint FROM late) AS exposure
FROM page
