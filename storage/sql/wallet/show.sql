-- [tenant] The wallet with its five latest transactions. No row: unknown platform.
-- -> body, balance micro-USD, pending micro-USD, available micro-USD (balance - pending)
SELECT jsonb_build_object('id', w.id, 'platform_id', w.platform_id,
    'balance', usd_text(w.credits_posted - w.debits_posted), 'held', usd_text(w.debits_pending),
    'currency', 'usd', 'low_balance_threshold', usd_text(w.low_balance_threshold),
    'is_active', w.is_active, 'created_at', iso_utc(w.created_at), 'updated_at',
      iso_utc(w.updated_at),
    'recent_transactions', (
      SELECT coalesce(jsonb_agg(ledger_json(l) ORDER BY l.id DESC), '[]')
      FROM (SELECT * FROM ledger_all WHERE platform_id = w.platform_id ORDER BY id DESC LIMIT 5) AS r
      JOIN ledger_all l ON l.platform_id = w.platform_id AND l.id = r.id))::text AS body,
  w.credits_posted - w.debits_posted AS balance, w.debits_pending AS pending,
  w.credits_posted - w.debits_posted - w.debits_pending AS available
FROM wallet w WHERE w.platform_id = tenant()
