-- Savings and unit costs: what the last analysis found. Each run replaces all rows, so nothing here has a history.

-- What a month would cost less, one row per kind: kinds overlap and are never added up with each other.
CREATE TABLE savings (
    account_id    text NOT NULL REFERENCES accounts,
    scope         text NOT NULL,
    model         text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('batch', 'cache', 'model', 'seat', 'tail')),
    usd_per_month numeric NOT NULL CHECK (usd_per_month > 0), -- per 30 days
    target        text NOT NULL,                    -- what to change to: a model, 'batch', the scope that does better
    sentence      text NOT NULL,
    evidence      jsonb NOT NULL,
    made_at       timestamptz NOT NULL,
    PRIMARY KEY (account_id, scope, model, kind)
);

-- What caching did over the window. Money is null where no price is known; the ratio needs none.
CREATE TABLE cache_effects (
    account_id text NOT NULL REFERENCES accounts,
    model      text NOT NULL,
    hit_ratio  double precision NOT NULL,
    saved_usd  numeric,                             -- reads, at input price less cache price
    lost_usd   numeric,                             -- writes, at write price less input price
    made_at    timestamptz NOT NULL,
    PRIMARY KEY (account_id, model)
);

-- Dollars and requests over the window: of everything (key ''), of a feature, of a variant ('experiment/variant').
CREATE TABLE unit_costs (
    account_id text NOT NULL REFERENCES accounts,
    scope      text NOT NULL,
    model      text NOT NULL,
    key        text NOT NULL CHECK (key IN ('', 'feature', 'variant')),
    value      text NOT NULL,
    usd        numeric NOT NULL,
    requests   numeric NOT NULL,                    -- 0: not stated
    made_at    timestamptz NOT NULL,
    PRIMARY KEY (account_id, scope, model, key, value)
);
