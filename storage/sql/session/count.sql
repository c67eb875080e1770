-- [system] Counts live sessions.
-- -> live
SELECT count(*) AS live FROM session WHERE ended_at IS NULL AND expires_at > clock_timestamp()
