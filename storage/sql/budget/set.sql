-- [tenant] Sets an end user's budget. No row: unknown user.
-- $1 end_user uuid
-- $2 max_amount micro-USD
-- $3 period: one_time, daily, monthly
-- $4 is_suspended bool
-- $5 actor
-- -> end_user_id
WITH b AS (
  INSERT INTO budget (end_user_id, max_amount, period, is_suspended)
  SELECT u.id, $2::bigint, $3, $4::boolean FROM end_user u
  WHERE u.id = $1::uuid AND u.platform_id = tenant()
  ON CONFLICT (end_user_id) DO UPDATE SET max_amount = excluded.max_amount,
    period = excluded.period,
    is_suspended = excluded.is_suspended, updated_at = clock_timestamp()
  RETURNING end_user_id
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $5, 'budget.set', end_user_id::text FROM b
)
SELECT end_user_id FROM b
