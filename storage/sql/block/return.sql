-- [tenant] Gives back what is left of blocks.
-- $1 items, JSON array of {id, amount micro-USD}
-- $2 free calls a month when the platform has no own number
-- -> balance micro-USD, available micro-USD, free_left, rules
SELECT balance, available, free_left, rules
FROM block_return(tenant(), $1::jsonb, $2::int)
