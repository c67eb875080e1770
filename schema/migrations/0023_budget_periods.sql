-- A move of a budget names its period: the late end of a call moves a period that is over, and its row
-- stands between those of the present one.
CREATE OR REPLACE FUNCTION budget_transaction_json(x budget_transaction) RETURNS jsonb
LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', x.id::text, 'budget_id', x.budget_id, 'type', x.type,
    'period_start', iso_utc(nullif(x.win, date '1970-01-01')::timestamp AT TIME ZONE 'UTC'),
    'amount_usd', usd_text(x.amount), 'max_usd_after', usd_text(x.max_after),
    'used_usd_after', usd_text(x.used_after),
    'remaining_usd_after', usd_text(x.max_after - x.used_after), 'reason', x.reason,
    'metadata', x.metadata, 'created_at', iso_utc(x.at)) $$;
