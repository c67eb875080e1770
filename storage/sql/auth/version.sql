-- [system] The number that rises when caches of keys, users, platforms, apps and connections must
--   be dropped.
-- -> version bigint
SELECT version FROM auth_version
