-- Reconciliation.

SELECT 1;
