-- [system] Finds an enabled model with its server's key. `id` is the slug (row of the seal).
-- $1 slug
-- -> id (= slug), base_url, provider_model, secret or null, input_price, cached_price, output_price
--      (micro-USD per million tokens), context_tokens, output_tokens_max
SELECT slug AS id, base_url, provider_model, secret_sealed, input_price, cached_price, output_price,
  context_tokens, output_tokens_max
FROM model WHERE slug = $1 AND enabled
