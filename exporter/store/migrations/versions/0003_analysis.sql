-- When the analysis of stored figures ran. One row for all replicas: whoever claims it does the work.

CREATE TABLE analysis_state (
    one           boolean PRIMARY KEY DEFAULT true CHECK (one),
    claimed_by    text NOT NULL DEFAULT '',
    claimed_until timestamptz NOT NULL DEFAULT 'epoch',
    finished_at   timestamptz,                       -- the last run that did all of its work
    books_seen    bigint NOT NULL DEFAULT 0,         -- the newest row of sync_runs that run knew of
    day_seen      date                               -- the day it took for today
);
INSERT INTO analysis_state DEFAULT VALUES;

-- Forecasts with the day they were made, so that they can be compared with what came. Nothing here is ever pruned.
-- Keyed by what lasts: an account's team may change, its id does not.
CREATE TABLE forecasts (
    account_id  text NOT NULL,                       -- '' unless the level is account
    level       text NOT NULL CHECK (level IN ('total', 'provider', 'team', 'account', 'budget')),
    name        text NOT NULL,                       -- the provider's or the team's name, the budget's id, else ''
    horizon     text NOT NULL CHECK (horizon IN ('month_end', 'quarter_end', '30d', '60d', '90d')),
    made_on     date NOT NULL,                       -- a UTC day, not over yet then: the first day ahead
    since       date NOT NULL,                       -- the first day that counts: of the month or quarter, or made_on
    until       date NOT NULL,                       -- the first day that no longer counts
    spent       double precision NOT NULL,           -- from since up to made_on
    total       double precision NOT NULL,           -- spent, and what was expected from made_on on
    lower       double precision NOT NULL,
    upper       double precision NOT NULL,
    naive       double precision NOT NULL,           -- the same total by the mean of the 30 days before
    method      text NOT NULL,
    volatility  text NOT NULL CHECK (volatility IN ('calm', 'medium', 'wild', 'new')),
    hindcast    boolean NOT NULL,                    -- made afterwards, from books that were restated since
    came        double precision,                    -- once all days are settled; follows later restatements
    daily       double precision[],                  -- from made_on on; only of 90d, and not of hindcasts
    daily_lower double precision[],
    daily_upper double precision[],
    PRIMARY KEY (account_id, level, name, horizon, made_on),
    CHECK (since <= made_on AND made_on < until)
);
CREATE INDEX forecasts_made_on ON forecasts (made_on);

-- How good a series' forecasts of one horizon were. Worked out anew by every analysis.
CREATE TABLE forecast_scores (
    account_id text NOT NULL,
    level      text NOT NULL,
    name       text NOT NULL,
    horizon    text NOT NULL,
    count      integer NOT NULL,
    error      double precision,                     -- null: nothing came, so there is nothing to compare with
    coverage   double precision NOT NULL,
    skill      double precision,                     -- null: the naive projection was never wrong
    PRIMARY KEY (account_id, level, name, horizon)
);

-- What a budget's period will come to. The days are whole UTC days, whatever zone the period's borders lie in.
CREATE TABLE budget_outlooks (
    budget       text NOT NULL REFERENCES budgets ON DELETE CASCADE,
    period_start timestamptz NOT NULL,
    period_end   timestamptz NOT NULL,
    made_on      date NOT NULL,
    first_day    date NOT NULL,                      -- of `days`: the first day not every provider had answered for
    total        double precision NOT NULL,
    lower        double precision NOT NULL,
    upper        double precision NOT NULL,
    days         double precision[] NOT NULL,
    PRIMARY KEY (budget, made_on)
);

-- The newest forecast of everything, hindcasts aside. A row that is some days old tells of a series that ended.
CREATE VIEW newest_forecasts AS
SELECT DISTINCT ON (f.account_id, f.level, f.name, f.horizon)
       f.level, coalesce(a.provider, CASE f.level WHEN 'provider' THEN f.name END, '') AS provider, f.account_id,
       coalesce(a.team, CASE f.level WHEN 'team' THEN f.name END, '') AS team,
       CASE f.level WHEN 'budget' THEN f.name ELSE '' END AS budget,
       f.horizon, f.made_on, f.since, f.until, f.spent, f.total, f.lower, f.upper, f.method, f.volatility
FROM forecasts f
LEFT JOIN accounts a ON a.id = f.account_id
WHERE NOT f.hindcast
ORDER BY f.account_id, f.level, f.name, f.horizon, f.made_on DESC;

-- Every forecast day by day, with the day it was made: what was thought then, beside what came.
CREATE VIEW forecast_points AS
SELECT f.level, coalesce(a.provider, CASE f.level WHEN 'provider' THEN f.name END, '') AS provider, f.account_id,
       coalesce(a.team, CASE f.level WHEN 'team' THEN f.name END, '') AS team,
       CASE f.level WHEN 'budget' THEN f.name ELSE '' END AS budget,
       f.made_on, f.made_on + (p.number - 1)::integer AS day, p.expected, p.lower, p.upper
FROM forecasts f
LEFT JOIN accounts a ON a.id = f.account_id
CROSS JOIN LATERAL unnest(f.daily, f.daily_lower, f.daily_upper) WITH ORDINALITY AS p (expected, lower, upper, number)
WHERE f.horizon = '90d';
