-- Savings and unit costs.

SELECT 1;
