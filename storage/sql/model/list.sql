-- [system] Lists models: `data` as GET /v1/models shows the enabled ones, `details` all with
--   prices.
-- -> data, details, total
SELECT coalesce(jsonb_agg(jsonb_build_object('id', slug, 'object', 'model',
      'created', extract(epoch FROM created_at)::bigint, 'owned_by', 'callboard') ORDER BY slug)
    FILTER (WHERE enabled), '[]')::text AS data,
  coalesce(jsonb_agg(jsonb_build_object('slug', slug, 'base_url', base_url, 'provider_model',
    provider_model,
      'input_price', usd_text(input_price), 'cached_price', usd_text(cached_price),
      'output_price', usd_text(output_price), 'context_tokens', context_tokens,
      'output_tokens_max', output_tokens_max, 'is_default', is_default, 'enabled', enabled)
    ORDER BY slug), '[]')::text AS details,
  count(*) FILTER (WHERE enabled) AS total
FROM model
