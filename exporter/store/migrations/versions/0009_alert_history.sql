-- Alerts as Alertmanager told of them: one row for each time one fired, closed when it resolved.

CREATE TABLE alert_history (
    fingerprint text NOT NULL, -- of the labels, by Alertmanager
    starts_at timestamptz NOT NULL,
    ends_at timestamptz, -- null: no end was told of, as of what was silenced meanwhile
    alertname text NOT NULL,
    severity text NOT NULL,
    level text NOT NULL, -- of a budget or an anomaly
    value double precision, -- what its text is about; null where the text has no such figure
    labels jsonb NOT NULL, -- in whole: what the columns above don't have is here
    annotations jsonb NOT NULL, -- as last told while it fired
    notified integer NOT NULL, -- messages about it: the first, one an hour, the end
    received_at timestamptz NOT NULL, -- the last one
    PRIMARY KEY (fingerprint, starts_at)
);
CREATE INDEX alert_history_starts ON alert_history (starts_at);
