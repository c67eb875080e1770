-- [system] The price in force of a tool: its own, else its app's, else the global one.
-- $1 tool name
-- $2 app_slug
-- -> price_id, price micro-USD, scope
SELECT id AS price_id, price, scope FROM tool_price
WHERE (scope = 'tool' AND name = $1) OR (scope = 'app' AND name = $2) OR scope = 'global'
ORDER BY CASE scope WHEN 'tool' THEN 1 WHEN 'app' THEN 2 ELSE 3 END, version DESC LIMIT 1
