-- [internal] Starts a transaction of several statements.
BEGIN
