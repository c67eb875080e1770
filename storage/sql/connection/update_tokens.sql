-- [tenant] Stores refreshed tokens. No row: newer tokens are there already, or it is not active any
--   more.
-- $1 id uuid
-- $2 version as read
-- $3 tokens secret JSON, row_id = $1
-- $4 expires_in_ms or null
-- $5 scopes JSON array or null to keep them
-- $6 provider_fields JSON object or null to keep them
-- -> id, version
UPDATE connection SET secret_sealed = $3::bytea, token_expires_at = in_ms($4::bigint),
  scopes = coalesce($5::jsonb, scopes), provider_fields = coalesce($6::jsonb, provider_fields),
  version = version + 1, refresh_until = NULL, updated_at = clock_timestamp()
WHERE id = $1::uuid AND platform_id = tenant() AND is_active AND version = $2::bigint
RETURNING id, version
