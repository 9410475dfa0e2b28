-- Trends and comparisons. What the API, the command line and dashboards show of them comes from here, so they agree.
-- Every view can be narrowed by account and by day, month or quarter, and then reads only what is asked for.
-- docs/trends.md says what each column means.

-- Where each series is heading, by the last analysis; replaced as a whole.
CREATE TABLE trends (
    level      text NOT NULL,
    provider   text NOT NULL,
    account_id text NOT NULL,
    team       text NOT NULL,
    scope      text NOT NULL,
    model      text NOT NULL,
    budget     text NOT NULL,
    made_at    timestamptz NOT NULL,
    slope      double precision NOT NULL,           -- dollars per day per day
    lower      double precision,                    -- where it lies 95 times in 100; null: too few days to say
    upper      double precision,
    state      text NOT NULL CHECK (state IN ('increasing', 'decreasing', 'stable')),
    mean_usd   double precision NOT NULL,           -- dollars per day
    growth_7d  double precision,                    -- ratios; null: no full earlier window, or nothing spent in it
    growth_30d double precision,
    growth_90d double precision,
    PRIMARY KEY (account_id, level, provider, team, scope, model, budget)
);

-- Estimated dollars by hour of the week over the last eight weeks. A table, because a view would read two months of
-- hourly charges at every look; the analysis brings it up to date.
CREATE TABLE weekday_hours (
    account_id text NOT NULL,
    weekday    smallint NOT NULL CHECK (weekday BETWEEN 1 AND 7),  -- ISO: Monday is 1
    hour       smallint NOT NULL CHECK (hour BETWEEN 0 AND 23),    -- UTC
    amount_usd numeric NOT NULL,
    PRIMARY KEY (account_id, weekday, hour)
);

-- Today in UTC, whatever the session's time zone. SET spend.today = '2026-03-31' lets a test or a replay choose it.
CREATE FUNCTION spend_today() RETURNS date LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(current_setting('spend.today', true), '')::date, (now() AT TIME ZONE 'UTC')::date)
$$;

-- Accounts with their labels and the first day they have figures of.
CREATE VIEW account_begins AS
SELECT a.id AS account_id, a.provider, a.team, a.category, b.first_day
FROM accounts a
CROSS JOIN LATERAL (SELECT min(day) AS first_day FROM best_days WHERE account_id = a.id) b
WHERE b.first_day <= spend_today();

-- One row for each account and day. best_charges has the same sums; this need not add them up.
CREATE VIEW daily_spend AS
SELECT b.day, a.provider, b.account_id, a.team, a.category, b.source,
       CASE WHEN b.source = 'manual' THEN 'manual'
            WHEN NOT b.stated THEN 'estimated'
            WHEN b.source = 'cost_api' AND (b.day + 1)::timestamp AT TIME ZONE 'UTC' <= s.settled_until THEN 'official'
            WHEN b.source IN ('invoice', 'import') THEN 'official'
            ELSE 'provisional'
       END AS confidence, b.amount_usd
FROM best_days b
JOIN accounts a ON a.id = b.account_id
LEFT JOIN settled_accounts s ON s.account_id = b.account_id;

-- One row for each account and complete day since its first. A look-up by primary key for each row that is asked for:
-- a window function would have to add up every day since the beginning, whatever range is shown.
CREATE VIEW moving_averages AS
SELECT a.account_id, a.provider, a.team, d.day, m.amount_usd,
       m.sum7 / least(7, d.day - a.first_day + 1) AS avg7, m.sum30 / least(30, d.day - a.first_day + 1) AS avg30
FROM account_begins a
CROSS JOIN LATERAL (
    SELECT a.first_day + n AS day FROM generate_series(0, spend_today() - 1 - a.first_day) n
) d
CROSS JOIN LATERAL (
    SELECT coalesce(sum(b.amount_usd) FILTER (WHERE b.day = d.day), 0) AS amount_usd,
           coalesce(sum(b.amount_usd) FILTER (WHERE b.day > d.day - 7), 0) AS sum7,
           coalesce(sum(b.amount_usd), 0) AS sum30
    FROM best_days b WHERE b.account_id = a.account_id AND b.day BETWEEN d.day - 29 AND d.day
) m;

-- Each account's months or quarters beside the ones before. Two views of one function, which the planner inlines.
-- unit: as date_trunc has it; step: its length. A date minus the step is the earlier period's day of the same number,
-- or that month's last. Periods without a charge are there, with zero.
CREATE FUNCTION spend_comparison(unit text, step interval) RETURNS TABLE (
    account_id text, provider text, team text, first_day date, start date, amount_usd numeric, previous_usd numeric,
    previous_same_day_usd numeric, change_ratio double precision, same_day_change_ratio double precision
) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT a.account_id, a.provider, a.team, a.first_day, p.start::date, s.amount,
           CASE WHEN a.first_day < p.start THEN s.previous END,
           CASE WHEN a.first_day < p.start AND p.start + step > spend_today() THEN s.same_day END,
           CASE WHEN a.first_day <= p.start - step AND p.start + step <= spend_today() AND s.previous > 0
                THEN (s.amount / s.previous - 1)::float8 END,
           CASE WHEN a.first_day <= p.start - step AND p.start + step > spend_today() AND s.same_day > 0
                THEN (s.amount / s.same_day - 1)::float8 END
    FROM account_begins a
    -- Timestamps without a zone: given dates, both functions would take them for the session's midnights.
    CROSS JOIN LATERAL generate_series(date_trunc(unit, a.first_day::timestamp), spend_today()::timestamp, step) p(start)
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(b.amount_usd) FILTER (WHERE b.day >= p.start), 0) AS amount,
               coalesce(sum(b.amount_usd) FILTER (WHERE b.day < p.start), 0) AS previous,
               coalesce(sum(b.amount_usd) FILTER (WHERE b.day <= spend_today() - step), 0) AS same_day
        FROM best_days b
        WHERE b.account_id = a.account_id AND b.day >= (p.start - step)::date
          AND b.day < least((p.start + step)::date, spend_today() + 1)
    ) s
$$;

CREATE VIEW month_comparison AS
SELECT account_id, provider, team, first_day, start AS month, amount_usd, previous_usd, previous_same_day_usd,
       change_ratio, same_day_change_ratio
FROM spend_comparison('month', '1 month');

CREATE VIEW quarter_comparison AS
SELECT account_id, provider, team, first_day, start AS quarter, amount_usd, previous_usd, previous_same_day_usd,
       change_ratio, same_day_change_ratio
FROM spend_comparison('quarter', '3 months');
