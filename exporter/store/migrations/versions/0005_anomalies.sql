-- Anomalies of stored days, what people said of them, and changes announced ahead of time.
-- Whose they are is told by level, account ('' for the total), scope and model; provider and team are the account's, so
-- that an account that changes its team keeps its anomalies and what was said of them.

CREATE TABLE anomalies (
    account_id   text NOT NULL,
    id           bigint GENERATED ALWAYS AS IDENTITY,
    level        text NOT NULL CHECK (level IN ('account', 'scope', 'model', 'total')),
    scope        text NOT NULL,
    model        text NOT NULL,
    day          date NOT NULL,                     -- the first day, which all figures are of
    until        date NOT NULL,                     -- the last day so far
    family       text NOT NULL CHECK (family IN ('rise', 'fall', 'drift', 'requests')),
    kind         text NOT NULL,
    became       text NOT NULL,                     -- level_shift once it turned out to stay
    severity     text NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
    score        double precision NOT NULL,
    cost         double precision NOT NULL,         -- dollars; of the family requests: requests, like the next five
    expected     double precision NOT NULL,
    lower        double precision NOT NULL,         -- lower to upper was usual on that day
    upper        double precision NOT NULL,
    excess       double precision NOT NULL GENERATED ALWAYS AS (cost - expected) STORED,
    total_excess double precision NOT NULL,         -- over all its days, each against what was expected of the first
    explanation  text NOT NULL,
    parts        jsonb NOT NULL,                    -- price, volume, mix, new_scope, contributors; {} for requests
    part_of      bigint,                            -- the anomaly that stands for the incident; null: this one does
    planned      bigint,                            -- the planned change that covers it
    verdict      text NOT NULL DEFAULT '' CHECK (verdict IN ('', 'confirmed', 'dismissed', 'expected')),
    verdict_by   text NOT NULL DEFAULT '',
    verdict_at   timestamptz,
    verdict_note text NOT NULL DEFAULT '',
    found_at     timestamptz NOT NULL,
    withdrawn_at timestamptz,                       -- since when the books show it no longer
    PRIMARY KEY (account_id, id),
    UNIQUE (account_id, level, scope, model, family, day),
    CHECK (day <= until),
    CHECK ((verdict = '') = (verdict_at IS NULL))
);

-- What was judged, by account ('' for the total): the first day of its books and the first day that waits. A verdict on
-- a day older than a provider restates is final, and only books that begin earlier than before are judged all over.
CREATE TABLE judged_accounts (
    account_id  text PRIMARY KEY,
    books_begin date NOT NULL,
    until       date NOT NULL
);

CREATE TABLE planned_changes (
    account_id text NOT NULL REFERENCES accounts,
    id         bigint GENERATED ALWAYS AS IDENTITY,
    scope      text NOT NULL,                       -- '': any
    model      text NOT NULL,                       -- '': any
    first_day  date NOT NULL,
    last_day   date NOT NULL,
    note       text NOT NULL,
    planned_by text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, id),
    CHECK (first_day <= last_day)
);
