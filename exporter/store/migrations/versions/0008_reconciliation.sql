-- Reconciliation: what was billed, estimated, invoiced and entered, by account and calendar month in UTC.

-- Few rows in a large table; every publication asks for the newest of them.
CREATE INDEX daily_charges_invoices ON daily_charges (account_id, day) WHERE source = 'invoice';

-- One row for each month from an account's first to its last day with money. Written so that a condition on account
-- and month reads only the days of that month. A sum is null where that source says nothing of the month.
-- `settled_…`: of the days that the cost report no longer changes and that have both a bill and an estimate.
CREATE VIEW reconciliation AS
SELECT a.id AS account_id, a.provider, m.month, s.settled_until, c.billed_from, f.*
FROM accounts a
CROSS JOIN LATERAL (
    SELECT generate_series(date_trunc('month', min(day)::timestamp), max(day)::timestamp, interval '1 month')::date
           AS month
    FROM daily_charges WHERE account_id = a.id
) m
LEFT JOIN settled_accounts s ON s.account_id = a.id
LEFT JOIN LATERAL (
    SELECT max(read_from) AS billed_from FROM report_state
    WHERE account_id = a.id AND source = 'cost_api' AND missing = ''
) c ON true
CROSS JOIN LATERAL (
    SELECT sum(billed) AS billed, sum(estimated) AS estimated, sum(invoiced) AS invoiced, sum(entered) AS entered,
           count(billed) AS billed_days, count(estimated) AS estimated_days,
           count(*) FILTER (WHERE settled AND billed IS NOT NULL AND estimated IS NULL) AS billed_only_days,
           count(*) FILTER (WHERE settled AND estimated IS NOT NULL AND billed IS NULL) AS estimated_only_days,
           sum(billed) FILTER (WHERE settled AND estimated IS NOT NULL) AS settled_billed,
           sum(estimated) FILTER (WHERE settled AND billed IS NOT NULL) AS settled_estimated
    FROM (
        SELECT sum(amount_usd) FILTER (WHERE source = 'cost_api') AS billed,
               sum(amount_usd) FILTER (WHERE source = 'priced_usage') AS estimated,
               sum(amount_usd) FILTER (WHERE source = 'invoice') AS invoiced,
               sum(amount_usd) FILTER (WHERE source IN ('import', 'manual')) AS entered,
               coalesce((day + 1)::timestamp AT TIME ZONE 'UTC' <= s.settled_until, false) AS settled
        FROM daily_charges
        WHERE account_id = a.id AND day >= m.month AND day < (m.month + interval '1 month')::date
        GROUP BY day
    ) days
) f;
