-- Anomalies.

SELECT 1;
