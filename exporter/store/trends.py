"""What the last analysis found of each series' direction, and the hours of the week. One rule: replaced as a whole."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, text

from exporter.domain import Period, Subject


class Trend(NamedTuple):
    """Where one series is heading. None: not known."""

    subject: Subject
    made_at: datetime
    slope: float  # dollars per day per day
    lower: float | None
    upper: float | None
    state: str
    mean: float  # dollars per day
    growth_7d: float | None
    growth_30d: float | None
    growth_90d: float | None

    @property
    def growth(self) -> dict[str, float | None]:
        """Ratios by window, as metrics and the API name it."""
        return {"7d": self.growth_7d, "30d": self.growth_30d, "90d": self.growth_90d}


class WeekdayHour(NamedTuple):
    """Estimated dollars of an account in one hour of the week, over eight weeks."""

    account: str
    weekday: int  # Monday is 1
    hour: int  # UTC
    usd: float


_SUBJECT = ("level", "provider", "account_id", "team", "scope", "model", "budget")
_TYPES = {
    **dict.fromkeys(_SUBJECT, "text"),
    "made_at": "timestamptz",
    **dict.fromkeys(("slope", "lower", "upper"), "float8"),
    "state": "text",
    **dict.fromkeys(("mean_usd", "growth_7d", "growth_30d", "growth_90d"), "float8"),
}
"""The columns in the order of a `Trend`."""


def replace(db: Connection, found: Iterable[Trend]) -> None:
    """Put these in the place of all earlier ones."""
    db.execute(text("DELETE FROM trends"))
    rows = [(*trend.subject, *trend[1:]) for trend in found]
    if rows:  # as arrays: thousands of rows in one round trip
        columns = map(list, zip(*rows, strict=True))
        values = dict(zip(_TYPES, columns, strict=True))
        arrays = ", ".join(f"CAST(:{name} AS {type_}[])" for name, type_ in _TYPES.items())
        db.execute(text(f"INSERT INTO trends ({', '.join(_TYPES)}) SELECT * FROM unnest({arrays})"), values)


def every(db: Connection, *levels: str) -> list[Trend]:
    """The trends of these levels; of all without any. Accounts that were removed have none."""
    rows = db.execute(
        text(
            f"SELECT {', '.join(_TYPES)} FROM trends t"
            " WHERE (level = ANY(:levels) OR cardinality(CAST(:levels AS text[])) = 0) AND NOT EXISTS"
            "  (SELECT FROM accounts a WHERE a.id = t.account_id AND a.removed_at IS NOT NULL)"
            f" ORDER BY {', '.join(_SUBJECT)}"
        ),
        {"levels": list(levels)},
    )
    return [Trend(Subject(*row[:7]), *row[7:]) for row in rows]


def refresh_weekday_hours(db: Connection, window: Period) -> None:
    """Add up hourly priced usage by hour of the week. Charges of whole days say nothing of hours: left out."""
    db.execute(text("DELETE FROM weekday_hours"))
    db.execute(
        text(
            "INSERT INTO weekday_hours SELECT account_id, extract(isodow FROM period_start AT TIME ZONE 'UTC'),"
            " extract(hour FROM period_start AT TIME ZONE 'UTC'), sum(amount_usd) FROM charges"
            " WHERE source = 'priced_usage' AND period_start >= :start AND period_start < :end"
            " AND period_end = period_start + interval '1 hour' GROUP BY 1, 2, 3"
        ),
        {"start": window.start, "end": window.end},
    )


def weekday_hours(db: Connection) -> list[WeekdayHour]:
    """By account, weekday and hour; hours without a charge are missing."""
    rows = db.execute(
        text("SELECT account_id, weekday, hour, amount_usd::float8 FROM weekday_hours ORDER BY account_id, 2, 3")
    )
    return [WeekdayHour(*row) for row in rows]
