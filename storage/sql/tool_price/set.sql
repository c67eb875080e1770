-- [system] Sets a price by adding a version.
-- $1 scope: tool, app, global
-- $2 name: tool name, app slug, '' for global
-- $3 price micro-USD
-- $4 actor
-- Conflict when two are set at once: retry.
-- -> body, id
WITH t AS (
  INSERT INTO tool_price (scope, name, version, price)
  SELECT $1, $2, 1 + coalesce(max(version), 0), $3::bigint FROM tool_price WHERE scope = $1
    AND name = $2
  RETURNING id, jsonb_build_object('id', id::text, 'scope', scope, 'name', name, 'version', version,
    'price', usd_text(price), 'valid_from', iso_utc(valid_from)) AS body
), a AS (
  INSERT INTO audit (actor, action, subject) SELECT $4, 'tool_price.set', $1 || ':' || $2 FROM t
)
SELECT body::text AS body, id FROM t
