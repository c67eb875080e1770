-- [system] The model of a platform's setting when it is enabled, else the default model. No row:
--   neither.
-- $1 platform uuid, or null
-- -> slug
SELECT m.slug FROM model m
LEFT JOIN platform p ON p.id = $1::uuid AND p.default_model = m.slug
WHERE m.enabled AND (m.is_default OR p.id IS NOT NULL)
ORDER BY (p.id IS NOT NULL) DESC LIMIT 1
