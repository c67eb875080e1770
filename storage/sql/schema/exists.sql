-- [internal] Whether a migration ever ran.
-- -> present bool
SELECT to_regclass('schema_version') IS NOT NULL AS present
