-- Trends and comparisons.

SELECT 1;
