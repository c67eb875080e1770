-- [internal] Undoes a transaction of several statements.
ROLLBACK
