"""How days arrive, and what the unfinished ones will come to.

One rule: a day's age is counted up to the account's last complete sync; what was not looked at since is not observed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, text

from exporter.domain import day_of

WATCHED = 5  # days, today included
KEPT = timedelta(days=120)
PATIENCE = timedelta(hours=2)


class Unfinished(NamedTuple):
    """One of an account's last days. `age`: hours from its midnight to the last complete sync.

    `reach`: hours from its midnight to the end of the newest hour of usage there is; None: no usage is read.
    """

    account: str
    day: date
    age: float
    reach: float | None
    usd: float


class Watched(NamedTuple):
    """What was seen of a day: `usd[i]` dollars at `ages[i]` hours, ages ascending."""

    account: str
    day: date
    ages: list[int]
    usd: list[float]


class DayNowcast(NamedTuple):
    """What a day will come to: dollars and their 95 % range. `completeness`: the share usually there by then."""

    account: str
    day: date
    made_at: datetime
    seen: float
    expected: float
    lower: float
    upper: float
    completeness: float


class Published(NamedTuple):
    """A nowcast that still holds, whose it is, and what is seen of the day by now."""

    provider: str
    account: str
    team: str
    day: date
    seen: float
    expected: float
    lower: float
    upper: float
    completeness: float


def unfinished(db: Connection, now: datetime) -> list[Unfinished]:
    """The last days of every live account, as far as a sync that read everything has begun them."""
    rows = db.execute(
        text(
            f"SELECT account_id, day, extract(epoch FROM until - midnight)::float8 / 3600 AS age,"
            " extract(epoch FROM newest - midnight)::float8 / 3600 AS reach, amount_usd::float8"
            f" FROM ({_UNFINISHED}) u ORDER BY 1, 2"
        ),
        {"now": now, "watched": WATCHED, "today": day_of(now)},
    )
    return [Unfinished(*row) for row in rows]


def observe(db: Connection, now: datetime) -> None:
    """Remember what the books say of the last days at their present age, and forget what is long past.

    The first look in an hour stays: it stands for the hour's beginning, and a busy day is not written over and over.
    """
    db.execute(
        text(
            "INSERT INTO arrivals (account_id, day, age_hours, amount_usd) SELECT account_id, day,"
            f" floor(extract(epoch FROM until - midnight) / 3600), amount_usd FROM ({_UNFINISHED}) u"
            " ON CONFLICT DO NOTHING"
        ),
        {"now": now, "watched": WATCHED, "today": day_of(now)},
    )
    db.execute(text("DELETE FROM arrivals WHERE day < :oldest"), {"oldest": day_of(now - KEPT)})


def watched(db: Connection, since: date) -> list[Watched]:
    """Every day from `since` on that was looked at while it filled up, by account and day."""
    rows = db.execute(
        text(
            "SELECT account_id, day, array_agg(age_hours ORDER BY age_hours),"
            " array_agg(amount_usd::float8 ORDER BY age_hours)"
            " FROM arrivals WHERE day >= :since GROUP BY 1, 2 ORDER BY 1, 2"
        ),
        {"since": since},
    )
    return [Watched(*row) for row in rows]


def by_hour(db: Connection, account: str, since: date, end: date) -> list[tuple[date, int, float]]:
    """(day, hour, dollars) of one account's priced usage in [since, end), where it comes by the hour or finer."""
    rows = db.execute(
        text(
            "SELECT (period_start AT TIME ZONE 'UTC')::date, extract(hour FROM period_start AT TIME ZONE 'UTC')::int,"
            " sum(amount_usd)::float8 FROM charges WHERE account_id = :account AND source = 'priced_usage'"
            " AND period_end - period_start <= interval '1 hour'"
            " AND period_start >= CAST(:since AS timestamp) AT TIME ZONE 'UTC'"
            " AND period_start < CAST(:end AS timestamp) AT TIME ZONE 'UTC' GROUP BY 1, 2"
        ),
        {"account": account, "since": since, "end": end},
    )
    return [(day, hour, usd) for day, hour, usd in rows]


def replace(db: Connection, found: Iterable[DayNowcast]) -> None:
    """Store these nowcasts instead of all others."""
    db.execute(text("DELETE FROM nowcasts"))
    names = DayNowcast._fields
    columns = ", ".join(["account_id", *names[1:]])
    if rows := [one._asdict() for one in found]:
        db.execute(
            text(
                f"INSERT INTO nowcasts ({columns}) VALUES ({', '.join(f':{name}' for name in names)})"
                " ON CONFLICT (account_id, day) DO UPDATE SET"  # another analysis may have finished just now
                f" {', '.join(f'{name} = excluded.{name}' for name in names[2:])}"
            ),
            rows,
        )


def completeness(db: Connection) -> dict[tuple[str, date], float]:
    """Which share of each unfinished day's final figure is usually there, by account and day, as of the last analysis.

    Days that are not in it are final, or nothing is known of how they arrive.
    """
    rows = db.execute(text("SELECT account_id, day, completeness FROM nowcasts"))
    return {(account, day): share for account, day, share in rows}


def current(db: Connection, now: datetime) -> list[Published]:
    """The nowcasts of today and yesterday, never below what is seen by now.

    One that is older than two hours while the account was synced since no longer holds: the day went on without it.
    """
    rows = db.execute(
        text(
            "SELECT a.provider, a.id, a.team, n.day, f.usd, greatest(n.expected, f.usd), n.lower,"
            " greatest(n.upper, f.usd), n.completeness FROM nowcasts n JOIN accounts a ON a.id = n.account_id"
            " JOIN sync_state s ON s.account_id = a.id"
            " LEFT JOIN best_days b ON b.account_id = n.account_id AND b.day = n.day"
            " CROSS JOIN LATERAL (SELECT greatest(coalesce(b.amount_usd, 0), 0)::float8 AS usd) f"
            " WHERE a.removed_at IS NULL AND n.day BETWEEN :today - 1 AND :today"
            " AND (n.made_at >= :fresh OR s.last_success_at <= n.made_at) ORDER BY 1, 2, 4"
        ),
        {"today": day_of(now), "fresh": now - PATIENCE},
    )
    return [Published(*row) for row in rows]


def budget_shares(db: Connection, since: date, end: date) -> dict[tuple[str, str], float]:
    """By budget and account: which share of the account's dollars in [since, end) fits the budget's scope and model.

    Only budgets that ask for a scope or a model, and for no tag; what is not in it has no share.
    """
    rows = db.execute(
        text(
            "SELECT w.id, c.account_id, (sum(c.amount_usd) / t.usd)::float8 FROM budgets w"
            " JOIN best_charges c ON (w.scope = '' OR c.scope = w.scope) AND (w.model = '' OR c.model = w.model)"
            " JOIN (SELECT account_id, sum(amount_usd) AS usd FROM best_days WHERE day >= :since AND day < :end"
            "  GROUP BY 1) t ON t.account_id = c.account_id"
            " WHERE (w.scope <> '' OR w.model <> '') AND w.tags = '{}' AND c.day >= :since AND c.day < :end"
            " AND t.usd > 0 GROUP BY w.id, c.account_id, t.usd"
        ),
        {"since": since, "end": end},
    )
    return {(budget, account): min(max(share, 0.0), 1.0) for budget, account, share in rows}


# Live accounts that read reports, with each of the last days that all of these reports reach back to.
_UNFINISHED = """
SELECT a.id AS account_id, d.day, d.midnight, r.newest, least(:now, s.last_success_at) AS until,
       coalesce(b.amount_usd, 0) AS amount_usd
FROM accounts a
JOIN sync_state s ON s.account_id = a.id
JOIN (SELECT account_id, max(read_from) AS begins, max(latest_end) FILTER (WHERE source = 'usage_api') AS newest
      FROM report_state WHERE missing = '' AND source <> 'analytics' GROUP BY 1) r ON r.account_id = a.id
CROSS JOIN LATERAL (SELECT :today - back AS day, (:today - back)::timestamp AT TIME ZONE 'UTC' AS midnight
      FROM generate_series(0, :watched - 1) back) d
LEFT JOIN best_days b ON b.account_id = a.id AND b.day = d.day
WHERE a.removed_at IS NULL AND r.begins <= d.midnight AND d.midnight <= least(:now, s.last_success_at)
"""
