-- [internal] Ends a transaction of several statements.
COMMIT
