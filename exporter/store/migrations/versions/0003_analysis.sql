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
