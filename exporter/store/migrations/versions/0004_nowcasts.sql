-- Nowcasts: how each day's money arrives, and what days that are still filling up will come to.

-- What the books said of a day when it was so many whole hours old, by the account's last sync. Kept for the first look
-- in each hour. A share of the final figure is made of it when it is read: finals change when the past is restated.
CREATE TABLE arrivals (
    account_id text NOT NULL,
    day        date NOT NULL,
    age_hours  smallint NOT NULL CHECK (age_hours BETWEEN 0 AND 119), -- since the day's midnight UTC
    amount_usd numeric NOT NULL,
    PRIMARY KEY (account_id, day, age_hours)
);
CREATE INDEX arrivals_day ON arrivals (day);

-- The last analysis' findings for every day that was not final: estimates in dollars, `lower` to `upper` holds 95 of 100 days.
CREATE TABLE nowcasts (
    account_id   text NOT NULL,
    day          date NOT NULL,
    made_at      timestamptz NOT NULL,
    seen         double precision NOT NULL,
    expected     double precision NOT NULL,
    lower        double precision NOT NULL,
    upper        double precision NOT NULL,
    completeness double precision NOT NULL CHECK (completeness BETWEEN 0 AND 1), -- the share usually there by then
    PRIMARY KEY (account_id, day),
    CHECK (seen <= expected AND lower <= expected AND expected <= upper)
);
