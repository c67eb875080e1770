-- Rate limits of end users with defaults of their platform, and the requests of the present day.
CREATE TABLE rate_limit (
  end_user_id uuid PRIMARY KEY,
  platform_id uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  rpm_limit   bigint CHECK (rpm_limit > 0),
  tpm_limit   bigint CHECK (tpm_limit > 0),
  rpd_limit   bigint CHECK (rpd_limit > 0),
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  FOREIGN KEY (platform_id, end_user_id) REFERENCES end_user (platform_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE rate_limit IS
  'Limits of an end user in place of the platform''s defaults; null is no limit.';
COMMENT ON COLUMN rate_limit.rpm_limit IS 'Requests in any 60 seconds.';
COMMENT ON COLUMN rate_limit.tpm_limit IS 'Tokens in any 60 seconds.';
COMMENT ON COLUMN rate_limit.rpd_limit IS 'Requests in a UTC day.';
ALTER TABLE rate_limit ENABLE ROW LEVEL SECURITY;
ALTER TABLE rate_limit FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON rate_limit TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON rate_limit TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON rate_limit TO callboard_app, callboard_system;

-- Each tenant actor keeps rows of its own, so that storing a count again changes nothing and two
-- actors of a platform never overwrite each other.
CREATE TABLE request_day (
  end_user_id uuid NOT NULL,
  day         date NOT NULL,
  writer      uuid NOT NULL,
  platform_id uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  requests    bigint NOT NULL CHECK (requests >= 0),
  PRIMARY KEY (end_user_id, day, writer),
  FOREIGN KEY (platform_id, end_user_id) REFERENCES end_user (platform_id, id) ON DELETE CASCADE
) WITH (fillfactor = 60);
COMMENT ON TABLE request_day IS
  'Requests of an end user on a day; their number is the sum over the writers.';
COMMENT ON COLUMN request_day.day IS 'UTC day.';
COMMENT ON COLUMN request_day.writer IS 'The life of a tenant actor that counted them.';
CREATE INDEX request_day_age ON request_day (day);
ALTER TABLE request_day ENABLE ROW LEVEL SECURITY;
ALTER TABLE request_day FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON request_day TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON request_day TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON request_day TO callboard_app, callboard_system;

ALTER TABLE platform
  ADD COLUMN default_rpm_limit bigint CHECK (default_rpm_limit > 0),
  ADD COLUMN default_tpm_limit bigint CHECK (default_tpm_limit > 0),
  ADD COLUMN default_rpd_limit bigint CHECK (default_rpd_limit > 0);
COMMENT ON COLUMN platform.default_rpm_limit IS
  'Requests in any 60 seconds of an end user without a row in rate_limit; null is no limit.';
COMMENT ON COLUMN platform.default_tpm_limit IS 'Likewise tokens in any 60 seconds.';
COMMENT ON COLUMN platform.default_rpd_limit IS 'Likewise requests in a UTC day.';

CREATE FUNCTION request_limits(u uuid, OUT rpm_limit bigint, OUT tpm_limit bigint,
  OUT rpd_limit bigint, OUT resolution text) LANGUAGE sql STABLE AS $$
  SELECT CASE WHEN l.end_user_id IS NULL THEN p.default_rpm_limit ELSE l.rpm_limit END,
    CASE WHEN l.end_user_id IS NULL THEN p.default_tpm_limit ELSE l.tpm_limit END,
    CASE WHEN l.end_user_id IS NULL THEN p.default_rpd_limit ELSE l.rpd_limit END,
    CASE WHEN l.end_user_id IS NOT NULL THEN 'explicit'
      WHEN coalesce(p.default_rpm_limit, p.default_tpm_limit, p.default_rpd_limit) IS NULL
      THEN 'none' ELSE 'default' END
  FROM platform p LEFT JOIN rate_limit l ON l.platform_id = p.id AND l.end_user_id = u
  WHERE p.id = tenant() $$;
COMMENT ON FUNCTION request_limits(uuid) IS
  'The rate limits in force for an end user of the platform, and where they come from.';

CREATE OR REPLACE FUNCTION platform_json(p platform) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', p.id, 'name', p.name, 'slug', p.slug, 'is_active', p.is_active,
    'settings', jsonb_build_object(
      'markup_percentage', trim_scale(p.markup_ppm::numeric / 10000), 'strict', p.strict_mode,
      'free_calls_per_month', p.free_calls, 'default_budget_usd', usd_text(p.default_budget),
      'default_model', p.default_model, 'default_rate_limits', jsonb_build_object(
        'rpm_limit', p.default_rpm_limit, 'tpm_limit', p.default_tpm_limit,
        'rpd_limit', p.default_rpd_limit)),
    'created_at', iso_utc(p.created_at), 'updated_at', iso_utc(p.updated_at)) $$;

-- As before, and the log row says whose tool it was (I28).
CREATE OR REPLACE FUNCTION calls_settle(t uuid, items jsonb, freelim int, OUT booked bigint,
  OUT balance bigint, OUT available bigint, OUT free_left bigint, OUT rules bigint)
LANGUAGE plpgsql AS $$
DECLARE
  w wallet; strict_now boolean; total bigint; taken bigint; part jsonb;
BEGIN
  SELECT * INTO w FROM wallet WHERE platform_id = t FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  SELECT p.strict_mode INTO strict_now FROM platform p WHERE p.id = t;
  -- A user who got a budget while a call of the shared block was under way has no window yet.
  INSERT INTO budget_window (end_user_id, platform_id, win, lim)
    SELECT DISTINCT g.end_user_id, t, budget_win(g.period), g.max_amount
    FROM jsonb_to_recordset(items) AS x(end_user uuid)
    JOIN budget g ON g.end_user_id = x.end_user AND g.platform_id = t
    ON CONFLICT DO NOTHING;
  WITH item AS (
    SELECT x.*, b.status = 'P' AS open, bu.win AS budget_win,
      CASE WHEN b.status = 'P' OR NOT strict_now
             OR w.credits_posted - w.debits_posted - w.debits_pending
                >= sum(x.amount) FILTER (WHERE b.status IS DISTINCT FROM 'P') OVER (ORDER BY x.id)
           THEN x.amount ELSE 0 END AS charge
    FROM jsonb_to_recordset(items) AS x(id uuid, block uuid, epoch bigint, hash text, end_user uuid,
      subject text, request_id text, price_id bigint, amount bigint, log jsonb)
    LEFT JOIN hold b ON b.platform_id = t AND b.id = x.block
    LEFT JOIN LATERAL (
      SELECT coalesce(b.budget_win, budget_win(g.period)) AS win FROM budget g
      WHERE g.end_user_id = x.end_user) bu ON true
  ), hold_row AS (
    INSERT INTO hold (id, platform_id, epoch, req_hash, kind, end_user_id, subject, request_id,
        price_id, win, budget_win, free, strict_mode, amount, status, settled, overage, expires_at,
        resolved_at, block_id)
      SELECT i.id, t, i.epoch, decode(i.hash, 'hex'), 'mcp', i.end_user, i.subject, i.request_id,
        i.price_id, month_utc(), i.budget_win, false, strict_now,
        CASE WHEN i.open THEN i.amount ELSE 0 END, 'S', i.charge,
        CASE WHEN i.open THEN 0 ELSE i.amount END, clock_timestamp(), clock_timestamp(), i.block
      FROM item i ON CONFLICT DO NOTHING
      RETURNING id, end_user_id, subject, request_id, amount, settled, budget_win, block_id
  ), ledger_row AS (
    INSERT INTO ledger (platform_id, hold_id, end_user_id, type, amount, balance_after, counterpart,
        description)
      SELECT t, h.id, h.end_user_id, 'mcp_usage', -h.settled,
        w.credits_posted - w.debits_posted - sum(h.settled) OVER (ORDER BY h.id), 'revenue',
        h.subject
      FROM hold_row h
  ), log_row AS (
    INSERT INTO request_log (platform_id, end_user_id, hold_id, request_id, request_type,
        provider_id, model_id, cost, latency_ms, status, error_message, token_count_method,
        billing_status)
      SELECT t, h.end_user_id, h.id, h.request_id, 'mcp_tool', i.log->>'provider_id', h.subject,
        h.settled,
        coalesce((i.log->>'latency_ms')::bigint, 0), coalesce(i.log->>'status', 'success'),
        nullif(i.log->>'error_message', ''), 'none', 'billed'
      FROM hold_row h JOIN item i USING (id)
  ), of_block AS (
    UPDATE hold b SET amount = b.amount - CASE WHEN b.status = 'P' THEN s.used ELSE 0 END
      FROM (SELECT block_id, sum(amount)::bigint AS used FROM hold_row GROUP BY 1) s
      WHERE b.platform_id = t AND b.id = s.block_id
  ), of_window AS (
    UPDATE budget_window x SET spent = x.spent + s.settled, reserved = x.reserved - s.held,
        overrun = greatest(x.overrun, x.reserved - s.held + x.spent + s.settled - x.lim)
      FROM (SELECT h.end_user_id, h.budget_win, sum(h.settled)::bigint AS settled,
              coalesce(sum(h.amount) FILTER (WHERE b.budget_win IS NOT NULL), 0)::bigint AS held
            FROM hold_row h LEFT JOIN hold b ON b.platform_id = t AND b.id = h.block_id
            WHERE h.budget_win IS NOT NULL GROUP BY 1, 2) s
      WHERE x.end_user_id = s.end_user_id AND x.win = s.budget_win
  )
  SELECT count(*), coalesce(sum(settled), 0), coalesce(sum(amount), 0) INTO booked, total, taken
    FROM hold_row;
  UPDATE wallet SET debits_pending = debits_pending - taken, debits_posted = debits_posted + total,
      overdraft = greatest(overdraft,
        debits_posted + total + debits_pending - taken - credits_posted), updated_at = now()
    WHERE platform_id = t AND booked > 0;
  SELECT s.balance, s.available, s.free_left, s.rules INTO balance, available, free_left, rules
    FROM wallet_standing(t, freelim) s;
END $$;
