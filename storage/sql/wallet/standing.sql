-- [tenant] What the owner of the money needs to know between its batches. No row: unknown platform.
-- $1 free calls a month when the platform has no own number
-- -> balance micro-USD, available micro-USD, free_left, rules, epoch
SELECT s.balance, s.available, s.free_left, s.rules, w.epoch
FROM wallet_standing(tenant(), $1::int) s JOIN wallet w ON w.platform_id = tenant()
