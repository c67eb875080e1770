-- [tenant] Takes ownership of the platform's money. No row: unknown platform.
-- $1 node name
-- $2 token uuid, fresh
-- $3 alone: no other node can own anything in this database
-- -> epoch, markup_ppm, strict_mode bool, free_calls int or null, default_model or null
SELECT e.epoch, p.markup_ppm, p.strict_mode, p.free_calls, p.default_model
FROM wallet_acquire(tenant(), $1, $2::uuid, $3::boolean) AS e(epoch) JOIN platform p ON p.id = tenant()
