-- [internal] The applied migrations.
-- -> version, checksum
SELECT version, checksum FROM schema_version ORDER BY version
