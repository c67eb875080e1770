-- [system] Adds or changes a model. A new default takes the mark from the old one.
-- $1 slug
-- $2 base_url
-- $3 provider_model
-- $4 api_key secret, row_id = slug; null keeps the stored one
-- $5 input_price micro-USD per million tokens
-- $6 cached_price micro-USD per million tokens
-- $7 output_price micro-USD per million tokens
-- $8 context_tokens
-- $9 output_tokens_max
-- $10 is_default bool
-- $11 enabled bool
-- $12 actor
-- -> body
WITH cleared AS (
  UPDATE model SET is_default = false WHERE is_default AND slug <> $1 AND $10::boolean RETURNING 1
), m AS (
  INSERT INTO model AS m (slug, base_url, provider_model, secret_sealed, input_price, cached_price,
    output_price, context_tokens, output_tokens_max, is_default, enabled)
  SELECT $1, $2, $3, $4::bytea, $5::bigint, $6::bigint, $7::bigint, $8::bigint, $9::bigint,
    $10::boolean,
    $11::boolean
  FROM (SELECT count(*) FROM cleared) AS after_cleared
  ON CONFLICT (slug) DO UPDATE SET base_url = excluded.base_url,
    provider_model = excluded.provider_model,
    secret_sealed = coalesce(excluded.secret_sealed, m.secret_sealed),
      input_price = excluded.input_price,
    cached_price = excluded.cached_price, output_price = excluded.output_price,
    context_tokens = excluded.context_tokens, output_tokens_max = excluded.output_tokens_max,
    is_default = excluded.is_default, enabled = excluded.enabled, updated_at = clock_timestamp()
  RETURNING jsonb_build_object('slug', slug, 'base_url', base_url, 'provider_model', provider_model,
    'input_price', usd_text(input_price), 'cached_price', usd_text(cached_price),
    'output_price', usd_text(output_price), 'context_tokens', context_tokens,
    'output_tokens_max', output_tokens_max, 'is_default', is_default, 'enabled', enabled) AS body
), a AS (
  INSERT INTO audit (actor, action, subject) SELECT $12, 'model.set', $1 FROM m
)
SELECT body::text AS body FROM m
