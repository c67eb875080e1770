-- [internal] Notes an applied migration.
-- $1 version
-- $2 checksum
-- -> version
INSERT INTO schema_version (version, checksum) VALUES ($1::int, $2) RETURNING version
