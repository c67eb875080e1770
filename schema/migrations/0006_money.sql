-- Wallets, budgets, the free tier, holds, the ledger and the log. All amounts are micro-US-dollars.
CREATE TABLE wallet (
  platform_id           uuid PRIMARY KEY REFERENCES platform ON DELETE CASCADE,
  id                    uuid NOT NULL UNIQUE,
  epoch                 bigint NOT NULL DEFAULT 0,
  token                 uuid,
  node                  text,
  acquired_at           timestamptz,
  credits_posted        bigint NOT NULL DEFAULT 0 CHECK (credits_posted >= 0),
  debits_posted         bigint NOT NULL DEFAULT 0 CHECK (debits_posted >= 0),
  debits_pending        bigint NOT NULL DEFAULT 0 CHECK (debits_pending >= 0),
  overdraft             bigint NOT NULL DEFAULT 0 CHECK (overdraft >= 0),
  low_balance_threshold bigint NOT NULL DEFAULT 0 CHECK (low_balance_threshold >= 0),
  is_active             boolean NOT NULL DEFAULT true,
  created_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK (debits_posted + debits_pending <= credits_posted + overdraft)
) WITH (fillfactor = 60);
COMMENT ON TABLE wallet IS
  'A platform''s money, in micro-US-dollars. Balance = credits_posted - debits_posted.';
COMMENT ON COLUMN wallet.epoch IS 'Fencing number of the owner, one more at each acquisition.';
COMMENT ON COLUMN wallet.token IS
  'Fencing secret of the owner: epochs may repeat after a failover, tokens do not.';
COMMENT ON COLUMN wallet.debits_pending IS 'Micro-US-dollars in open holds.';
COMMENT ON COLUMN wallet.overdraft IS
  'Micro-US-dollars that the latest admission, or a charged overage, was allowed to go below zero.';
ALTER TABLE wallet ENABLE ROW LEVEL SECURITY;
ALTER TABLE wallet FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON wallet TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON wallet TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE ON wallet TO callboard_app;
GRANT SELECT, INSERT, UPDATE ON wallet TO callboard_system;

CREATE TABLE budget (
  end_user_id  uuid PRIMARY KEY,
  platform_id  uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  max_amount   bigint NOT NULL CHECK (max_amount > 0),
  period       text NOT NULL DEFAULT 'one_time' CHECK (period IN ('one_time', 'daily', 'monthly')),
  is_suspended boolean NOT NULL DEFAULT false,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  FOREIGN KEY (platform_id, end_user_id) REFERENCES end_user (platform_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE budget IS
  'What an end user may spend per period. No row: limited by the wallet only.';
COMMENT ON COLUMN budget.max_amount IS 'Micro-US-dollars per window.';
ALTER TABLE budget ENABLE ROW LEVEL SECURITY;
ALTER TABLE budget FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON budget TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON budget TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON budget TO callboard_app, callboard_system;

CREATE TABLE budget_window (
  end_user_id uuid NOT NULL REFERENCES budget ON DELETE CASCADE,
  platform_id uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  win         date NOT NULL,
  lim         bigint NOT NULL,
  reserved    bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  spent       bigint NOT NULL DEFAULT 0 CHECK (spent >= 0),
  overrun     bigint NOT NULL DEFAULT 0 CHECK (overrun >= 0),
  PRIMARY KEY (end_user_id, win),
  CHECK (reserved + spent <= lim + overrun)
) WITH (fillfactor = 60);
COMMENT ON TABLE budget_window IS 'Use of a budget in one window; made by the first hold in it.';
COMMENT ON COLUMN budget_window.win IS
  'First UTC day of the window: the day, the first of the month, or 1970-01-01 for one_time.';
COMMENT ON COLUMN budget_window.lim IS
  'Micro-US-dollars; the budget''s amount at the latest admission.';
COMMENT ON COLUMN budget_window.reserved IS 'Micro-US-dollars in open holds.';
COMMENT ON COLUMN budget_window.spent IS 'Micro-US-dollars settled.';
COMMENT ON COLUMN budget_window.overrun IS
  'Micro-US-dollars above the limit that an admission or overage allowed.';
ALTER TABLE budget_window ENABLE ROW LEVEL SECURITY;
ALTER TABLE budget_window FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON budget_window TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON budget_window TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON budget_window TO callboard_app, callboard_system;

CREATE TABLE free_quota (
  platform_id uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  win         date NOT NULL,
  used        int NOT NULL CHECK (used >= 0),
  lim         int NOT NULL,
  PRIMARY KEY (platform_id, win),
  CHECK (used <= lim)
) WITH (fillfactor = 60);
COMMENT ON TABLE free_quota IS 'Free tool calls of a platform in a UTC month.';
COMMENT ON COLUMN free_quota.win IS 'First day of the UTC month.';
ALTER TABLE free_quota ENABLE ROW LEVEL SECURITY;
ALTER TABLE free_quota FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON free_quota TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON free_quota TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON free_quota TO callboard_app, callboard_system;

CREATE TABLE loop (
  id          uuid NOT NULL,
  platform_id uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  end_user_id uuid,
  iter        bigint NOT NULL DEFAULT 0,
  max_iter    bigint NOT NULL CHECK (max_iter > 0),
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (platform_id, id),
  CHECK (iter <= max_iter)
) WITH (fillfactor = 70);
COMMENT ON TABLE loop IS
  'A model loop and its turns so far: the cap holds through crashes and retries.';
ALTER TABLE loop ENABLE ROW LEVEL SECURITY;
ALTER TABLE loop FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON loop TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON loop TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON loop TO callboard_app, callboard_system;

CREATE TABLE hold (
  id           uuid NOT NULL,
  platform_id  uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  seq          bigint GENERATED ALWAYS AS IDENTITY,
  epoch        bigint NOT NULL,
  req_hash     bytea NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('llm', 'mcp')),
  end_user_id  uuid,
  subject      text NOT NULL,
  request_id   text NOT NULL,
  loop_id      uuid,
  turn         bigint,
  price_id     bigint REFERENCES tool_price,
  win          date NOT NULL,
  budget_win   date,
  free         boolean NOT NULL,
  strict_mode  boolean NOT NULL,
  amount       bigint NOT NULL CHECK (amount >= 0),
  status       "char" NOT NULL DEFAULT 'P' CHECK (status IN ('P', 'S', 'V', 'E')),
  settled      bigint CHECK (settled BETWEEN 0 AND amount + overage),
  overage      bigint NOT NULL DEFAULT 0 CHECK (overage >= 0),
  checkpoint   bigint CHECK (checkpoint >= 0),
  provider_ref text,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at   timestamptz NOT NULL,
  resolved_at  timestamptz,
  PRIMARY KEY (platform_id, id),
  CHECK ((status = 'S') = (settled IS NOT NULL)),
  CHECK (NOT free OR amount = 0)
) WITH (fillfactor = 80);
COMMENT ON TABLE hold IS
  'Money set aside for work in progress; ends once, as settled, void or expired.';
COMMENT ON COLUMN hold.id IS 'Chosen before the call, so that a retry finds it.';
COMMENT ON COLUMN hold.seq IS 'Order of admissions, immune to clock steps.';
COMMENT ON COLUMN hold.win IS 'UTC month of the admission; a later end books there.';
COMMENT ON COLUMN hold.budget_win IS
  'Window of the end user''s budget at admission; null without a budget.';
COMMENT ON COLUMN hold.strict_mode IS
  'The platform''s setting at admission: absorb the overage instead of charging it.';
COMMENT ON COLUMN hold.amount IS 'Micro-US-dollars held.';
COMMENT ON COLUMN hold.settled IS 'Micro-US-dollars charged.';
COMMENT ON COLUMN hold.overage IS
  'Micro-US-dollars of real cost above the hold; on a free hold, our own cost.';
COMMENT ON COLUMN hold.checkpoint IS
  'Micro-US-dollars used so far, as last reported; what the sweeper settles.';
CREATE INDEX hold_sweep ON hold (expires_at) WHERE status = 'P';
CREATE INDEX hold_order ON hold (platform_id, seq);
ALTER TABLE hold ENABLE ROW LEVEL SECURITY;
ALTER TABLE hold FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON hold TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON hold TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON hold TO callboard_app, callboard_system;

CREATE TABLE ledger (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  platform_id     uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  hold_id         uuid,
  end_user_id     uuid,
  type            text NOT NULL
    CHECK (type IN ('top_up', 'llm_usage', 'mcp_usage', 'refund', 'adjustment')),
  amount          bigint NOT NULL,
  balance_after   bigint NOT NULL,
  counterpart     text NOT NULL CHECK (counterpart IN ('funding', 'revenue')),
  description     text NOT NULL DEFAULT '',
  idempotency_key text,
  request_hash    bytea,
  at              timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (platform_id, hold_id),
  UNIQUE (platform_id, idempotency_key),
  CHECK (CASE type WHEN 'top_up' THEN amount > 0 WHEN 'refund' THEN amount > 0
              WHEN 'llm_usage' THEN amount <= 0 WHEN 'mcp_usage' THEN amount <= 0 ELSE true END),
  CHECK ((type IN ('llm_usage', 'mcp_usage')) = (hold_id IS NOT NULL))
);
COMMENT ON TABLE ledger IS
  'Every change of a balance. One row carries both sides of a transfer: the wallet gains amount, '
  'counterpart loses it.';
COMMENT ON COLUMN ledger.amount IS 'Micro-US-dollars, signed as the wallet sees it.';
COMMENT ON COLUMN ledger.balance_after IS 'Micro-US-dollars.';
CREATE INDEX ledger_page ON ledger (platform_id, id DESC);
ALTER TABLE ledger ENABLE ROW LEVEL SECURITY;
ALTER TABLE ledger FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON ledger TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON ledger TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON ledger TO callboard_app, callboard_system;

CREATE FUNCTION ledger_json(l ledger) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', l.id::text, 'type', l.type, 'amount', usd_text(l.amount),
    'balance_after', usd_text(l.balance_after), 'description', l.description,
    'end_user_id', l.end_user_id, 'created_at', iso_utc(l.at)) $$;
COMMENT ON FUNCTION ledger_json(ledger) IS 'A wallet transaction as the REST API shows it.';

CREATE TABLE request_log (
  id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  platform_id       uuid NOT NULL DEFAULT tenant() REFERENCES platform ON DELETE CASCADE,
  end_user_id       uuid,
  hold_id           uuid NOT NULL,
  request_id        text NOT NULL,
  request_type      text NOT NULL CHECK (request_type IN ('response', 'chat.completion',
    'mcp_tool')),
  provider_id       text,
  model_id          text,
  provider_model_id text,
  prompt_tokens     bigint NOT NULL DEFAULT 0,
  completion_tokens bigint NOT NULL DEFAULT 0,
  cost              bigint NOT NULL,
  latency_ms        bigint NOT NULL DEFAULT 0,
  status            text NOT NULL,
  error_message     text,
  token_count_method text NOT NULL,
  billing_status    text NOT NULL CHECK (billing_status IN ('billed', 'not_billed')),
  metadata          jsonb NOT NULL DEFAULT '{}',
  created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (platform_id, hold_id)
);
COMMENT ON TABLE request_log IS
  'One row per model turn and per paid tool call, written with the end of its hold. None for free '
  'calls.';
COMMENT ON COLUMN request_log.cost IS 'Micro-US-dollars charged.';
COMMENT ON COLUMN request_log.latency_ms IS 'Milliseconds.';
CREATE INDEX request_log_page ON request_log (platform_id, id DESC);
CREATE INDEX request_log_user ON request_log (platform_id, end_user_id, id DESC);
ALTER TABLE request_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE request_log FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON request_log TO callboard_app
  USING (platform_id = tenant()) WITH CHECK (platform_id = tenant());
CREATE POLICY all_rows ON request_log TO callboard_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON request_log TO callboard_app, callboard_system;

CREATE FUNCTION request_log_json(l request_log) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', l.id::text, 'platform_id', l.platform_id,
    'end_user_id', l.end_user_id, 'request_id', l.request_id, 'request_type', l.request_type,
    'provider_id', l.provider_id, 'model_id', l.model_id, 'provider_model_id', l.provider_model_id,
    'prompt_tokens', l.prompt_tokens, 'completion_tokens', l.completion_tokens,
    'total_tokens', l.prompt_tokens + l.completion_tokens, 'latency_ms', l.latency_ms,
    'estimated_cost_usd', usd_text(l.cost), 'status', l.status, 'error_message', l.error_message)
    || jsonb_build_object('token_count_method', l.token_count_method,
    'billing_status', l.billing_status, 'metadata', l.metadata, 'created_at',
      iso_utc(l.created_at)) $$;
COMMENT ON FUNCTION request_log_json(request_log) IS 'A log row as the REST API shows it.';
