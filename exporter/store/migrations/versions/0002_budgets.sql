-- Budgets: money allowed per period. An empty filter fits everything; amounts are in `currency`.

CREATE TABLE budgets (
    id         text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9._-]*$'),
    name       text NOT NULL DEFAULT '',
    amount     numeric NOT NULL CHECK (amount >= 0),
    currency   text NOT NULL,
    period     text NOT NULL CHECK (period IN ('week', 'month', 'quarter', 'year', 'custom')),
    start      date,                              -- where the borders are counted from; null: the calendar's own
    length     text,                              -- of a custom period: '45 days', '2 months'
    time_zone  text NOT NULL,
    parent     text NOT NULL DEFAULT '',          -- no reference: the file may drop a budget that others are below of
    provider   text NOT NULL DEFAULT '',
    account    text NOT NULL DEFAULT '',
    team       text NOT NULL DEFAULT '',
    scope      text NOT NULL DEFAULT '',
    model      text NOT NULL DEFAULT '',
    tags       jsonb NOT NULL DEFAULT '{}',
    levels     jsonb NOT NULL,                    -- [{"level", "percent" or "money", "basis"}]
    origin     text NOT NULL CHECK (origin IN ('file', 'database')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((period = 'custom') = (length IS NOT NULL)),
    CHECK (period <> 'custom' OR start IS NOT NULL)
);
