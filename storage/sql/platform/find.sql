-- [tenant] Finds the platform of the tenant.
-- -> body, name, slug, markup_ppm bigint, strict_mode bool, free_calls int or null (program's
--      default), default_budget micro-USD or null, default_model or null, is_active bool
SELECT platform_json(p)::text AS body, name, slug, markup_ppm, strict_mode, free_calls,
  default_budget,
  default_model, is_active
FROM platform p WHERE id = tenant()
