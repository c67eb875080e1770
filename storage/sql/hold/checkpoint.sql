-- [tenant] Notes what an open hold has used so far; the sweeper settles it if nobody else does. May
--   run twice.
-- $1 hold id uuid
-- $2 used micro-USD
-- $3 provider_ref or null to keep it
-- -> id
UPDATE hold SET checkpoint = greatest(coalesce(checkpoint, 0), $2::bigint),
  provider_ref = coalesce($3, provider_ref)
WHERE id = $1::uuid AND platform_id = tenant() AND status = 'P' RETURNING id
