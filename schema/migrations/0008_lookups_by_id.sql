-- A lane keeps its plans, and the first ones are made while the tables are empty. Then every index
-- that a look-up could use seems to cost the same, and PostgreSQL took one that reads all rows of the
-- platform (hold) or all live rows (session): each call cost as much as there were calls before it,
-- until autovacuum analyzed the table. Neither index fits such a look-up any more.
DROP INDEX hold_order;
CREATE INDEX hold_order ON hold (seq);
DROP INDEX session_of_user;
CREATE INDEX session_of_user ON session (end_user_id, last_seen);
