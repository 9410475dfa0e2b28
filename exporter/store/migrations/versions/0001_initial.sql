-- Everything the exporter keeps. Amounts are exact (numeric), times are UTC, a missing dimension is ''.
-- Primary keys begin with the account, so the large tables can be distributed by account on Citus unchanged.

CREATE TABLE accounts (
    id               text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9._-]*$'),
    provider         text NOT NULL,
    name             text NOT NULL DEFAULT '',
    team             text NOT NULL DEFAULT '',
    category         text NOT NULL DEFAULT '',
    options          jsonb NOT NULL DEFAULT '{}',
    credentials      bytea,                        -- encrypted; null when the config file holds references to them
    origin           text NOT NULL CHECK (origin IN ('file', 'database')),
    backfill_days    integer CHECK (backfill_days > 0),
    retention_months integer CHECK (retention_months > 0),
    disabled         boolean NOT NULL DEFAULT false,
    removed_at       timestamptz,                  -- history stays
    created_at       timestamptz NOT NULL DEFAULT now()
);

-- One row per account: who may sync it now, when it is due, how it last went.
CREATE TABLE sync_state (
    account_id           text PRIMARY KEY REFERENCES accounts,
    due_at               timestamptz NOT NULL DEFAULT now(),
    lease_holder         text,
    lease_token          bigint NOT NULL DEFAULT 0, -- grows with every claim: the fencing token
    lease_expires_at     timestamptz,
    last_success_at      timestamptz,
    last_duration        double precision,          -- seconds
    consecutive_failures integer NOT NULL DEFAULT 0,
    failure_reason       text NOT NULL DEFAULT '',
    failure_sentence     text NOT NULL DEFAULT '',
    names_read_at        timestamptz
);

-- What is known of each report: [read_from, read_until) has been read without a gap.
CREATE TABLE report_state (
    account_id    text NOT NULL REFERENCES accounts,
    report        text NOT NULL,
    source        text NOT NULL,
    read_from     timestamptz NOT NULL,
    read_until    timestamptz NOT NULL,
    read_at       timestamptz,                      -- when the recent window was last read to its end
    read_late_at  timestamptz,                      -- when the long window was last read
    latest_end    timestamptz,                      -- end of the newest period with data
    settled_until timestamptz NOT NULL,             -- figures before this are not expected to change
    wanted_from   timestamptz NOT NULL,             -- where the history shall begin
    history_done  boolean NOT NULL DEFAULT false,
    missing       text NOT NULL DEFAULT '',         -- why the report is not available, in a sentence
    PRIMARY KEY (account_id, report),
    CHECK (read_from <= read_until)
);

CREATE TABLE sync_runs (
    id          bigint GENERATED ALWAYS AS IDENTITY,
    account_id  text NOT NULL REFERENCES accounts,
    trigger     text NOT NULL,                      -- schedule, manual, backfill
    holder      text NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    outcome     text NOT NULL,                      -- ok, failed
    reason      text NOT NULL DEFAULT '',
    sentence    text NOT NULL DEFAULT '',
    sample      text NOT NULL DEFAULT '',           -- scrubbed body of an unexpected reply
    pages       integer NOT NULL,
    inserted    bigint NOT NULL,
    updated     bigint NOT NULL,
    deleted     bigint NOT NULL,
    unchanged   bigint NOT NULL,
    PRIMARY KEY (account_id, id)
);
CREATE INDEX sync_runs_finished ON sync_runs (finished_at);

-- Facts. `identity` is a hash over every dimension, so the natural key has no null in it.
CREATE TABLE usage (
    account_id   text NOT NULL,
    period_start timestamptz NOT NULL,
    period_end   timestamptz NOT NULL,
    source       text NOT NULL,
    identity     uuid NOT NULL,
    report       text NOT NULL,
    meter        text NOT NULL,
    unit         text NOT NULL,
    model        text NOT NULL,
    scope        text NOT NULL,
    api_key      text NOT NULL,
    service_tier text NOT NULL,
    tags         jsonb NOT NULL,
    quantity     numeric NOT NULL,
    PRIMARY KEY (account_id, period_start, period_end, source, identity),
    CHECK (period_start < period_end)
) PARTITION BY RANGE (period_start);

CREATE TABLE charges (
    account_id   text NOT NULL,
    period_start timestamptz NOT NULL,
    period_end   timestamptz NOT NULL,
    source       text NOT NULL,
    identity     uuid NOT NULL,
    report       text NOT NULL,
    meter        text NOT NULL,
    unit         text NOT NULL,
    model        text NOT NULL,
    scope        text NOT NULL,
    api_key      text NOT NULL,
    service_tier text NOT NULL,
    tags         jsonb NOT NULL,
    amount       numeric NOT NULL,                  -- as stated, in `currency`
    currency     text NOT NULL,
    amount_usd   numeric NOT NULL,                  -- by the rate of the usage day
    PRIMARY KEY (account_id, period_start, period_end, source, identity),
    CHECK (period_start < period_end)
) PARTITION BY RANGE (period_start);

-- Roll-ups by UTC day, kept in the transaction that changes the facts.
CREATE TABLE daily_usage (
    account_id   text NOT NULL,
    day          date NOT NULL,
    source       text NOT NULL,
    report       text NOT NULL,
    meter        text NOT NULL,
    unit         text NOT NULL,
    model        text NOT NULL,
    scope        text NOT NULL,
    service_tier text NOT NULL,
    quantity     numeric NOT NULL,
    PRIMARY KEY (account_id, day, source, report, meter, unit, model, scope, service_tier)
);

CREATE TABLE daily_charges (
    account_id   text NOT NULL,
    day          date NOT NULL,
    source       text NOT NULL,
    report       text NOT NULL,
    meter        text NOT NULL,
    unit         text NOT NULL,
    model        text NOT NULL,
    scope        text NOT NULL,
    service_tier text NOT NULL,
    amount_usd   numeric NOT NULL,
    PRIMARY KEY (account_id, day, source, report, meter, unit, model, scope, service_tier)
);
CREATE INDEX daily_usage_day ON daily_usage (day);
CREATE INDEX daily_charges_day ON daily_charges (day);

-- Which source counts for an account and day. Decided in one place: see choose_sources below.
CREATE TABLE best_days (
    account_id text NOT NULL,
    day        date NOT NULL,
    source     text NOT NULL,
    stated     boolean NOT NULL,                    -- somebody stated money for that day
    amount_usd numeric NOT NULL,
    PRIMARY KEY (account_id, day)
);

-- Double entry: what ever became known, and what was taken back. `counter` is 'usd' or a token meter.
CREATE TABLE ledger (
    account_id text NOT NULL,
    counter    text NOT NULL,
    recognized numeric NOT NULL DEFAULT 0 CHECK (recognized >= 0),
    reversed   numeric NOT NULL DEFAULT 0 CHECK (reversed >= 0),
    PRIMARY KEY (account_id, counter)
);

CREATE TABLE names (
    account_id text NOT NULL REFERENCES accounts,
    kind       text NOT NULL CHECK (kind IN ('scope', 'api_key')),
    id         text NOT NULL,
    name       text NOT NULL,
    PRIMARY KEY (account_id, kind, id)
);

-- Every list price that was ever used, so that history never re-prices itself.
CREATE TABLE prices (
    provider     text NOT NULL,
    model        text NOT NULL,
    meter        text NOT NULL,
    service_tier text NOT NULL,
    context      text NOT NULL,
    valid_from   date NOT NULL,                     -- 0001-01-01: always
    valid_until  date,                              -- the first day it no longer holds; null: until further notice
    usd_per_unit numeric NOT NULL,
    origin       text NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, model, meter, service_tier, context, valid_from)
);

CREATE TABLE fx_rates (
    day          date NOT NULL,
    currency     text NOT NULL,
    usd_per_unit numeric NOT NULL CHECK (usd_per_unit > 0),
    source       text NOT NULL,
    PRIMARY KEY (day, currency)
);

-- The label sets that the cardinality cap left standing, by metric: every replica keeps the same ones.
CREATE TABLE kept_series (
    metric text PRIMARY KEY,
    labels jsonb NOT NULL                           -- an array of arrays of label values
);

-- Until when the provider's own money is settled, per account.
CREATE VIEW settled_accounts AS
SELECT account_id, min(settled_until) AS settled_until
FROM report_state
WHERE source = 'cost_api' AND missing = ''
GROUP BY account_id;

-- THE view: each account and day counts once. Everything that shows money reads it.
CREATE VIEW best_charges AS
SELECT c.account_id, a.provider, a.team, a.category, c.day, c.source, c.report, c.meter, c.unit, c.model, c.scope,
       c.service_tier, c.amount_usd,
       CASE WHEN c.source = 'manual' THEN 'manual'
            WHEN NOT b.stated THEN 'estimated'
            WHEN c.source = 'cost_api' AND (c.day + 1)::timestamp AT TIME ZONE 'UTC' <= s.settled_until THEN 'official'
            WHEN c.source IN ('invoice', 'import') THEN 'official'
            ELSE 'provisional'
       END AS confidence
FROM daily_charges c
JOIN best_days b USING (account_id, day, source)
JOIN accounts a ON a.id = c.account_id
LEFT JOIN settled_accounts s USING (account_id);
