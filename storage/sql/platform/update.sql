-- [tenant] Changes a platform; null leaves a field as it is.
-- $1 name
-- $2 slug
-- $3 markup_ppm
-- $4 strict_mode bool
-- $5 free_calls int, -1 for the program's default
-- $6 default_budget micro-USD, 0 for none
-- $7 default_model, '' for none
-- $8 is_active bool
-- $9 actor
-- $10 default_rate_limits, JSON object {rpm_limit, tpm_limit, rpd_limit}; null in it is no limit
-- Conflict when the slug is taken.
-- -> body
WITH p AS (
  UPDATE platform p SET name = coalesce($1, name), slug = coalesce($2, slug),
    markup_ppm = coalesce($3::bigint, markup_ppm), strict_mode = coalesce($4::boolean, strict_mode),
    free_calls = CASE WHEN $5::int IS NULL THEN free_calls ELSE nullif($5::int, -1) END,
    default_budget = CASE WHEN $6::bigint IS NULL THEN default_budget
      ELSE nullif($6::bigint, 0) END,
    default_model = CASE WHEN $7::text IS NULL THEN default_model ELSE nullif($7::text, '') END,
    default_rpm_limit = CASE WHEN $10::jsonb IS NULL THEN default_rpm_limit
      ELSE ($10::jsonb->>'rpm_limit')::bigint END,
    default_tpm_limit = CASE WHEN $10::jsonb IS NULL THEN default_tpm_limit
      ELSE ($10::jsonb->>'tpm_limit')::bigint END,
    default_rpd_limit = CASE WHEN $10::jsonb IS NULL THEN default_rpd_limit
      ELSE ($10::jsonb->>'rpd_limit')::bigint END,
    is_active = coalesce($8::boolean, is_active), updated_at = clock_timestamp()
  WHERE id = tenant() RETURNING platform_json(p) AS body
), a AS (
  INSERT INTO audit (platform_id, actor, action, subject)
  SELECT tenant(), $9, 'platform.update', tenant()::text FROM p
)
SELECT body::text AS body FROM p
