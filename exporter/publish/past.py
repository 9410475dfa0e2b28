"""Past days as OpenMetrics with time stamps, which promtool makes blocks of Prometheus' database from.

One rule: a past day says what `/metrics` would say at its last minute, from the books as they are now. Only what
belongs to days is told: nobody remembers how syncs went or what was expected.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import IO

from sqlalchemy import Connection

from exporter.domain import DAY, Period
from exporter.metrics import catalog
from exporter.metrics.exposition import write_past
from exporter.metrics.snapshot import Family
from exporter.publish import spend
from exporter.publish.folding import Folding
from exporter.store import figures
from exporter.store.figures import Calendar

LAST_MINUTE = timedelta(minutes=1)
LEFT_OUT = frozenset({catalog.YESTERDAY_USD.name})  # the day before says it already


@dataclass(frozen=True, slots=True)
class Month:
    """The UTC days in [first, end), all of one calendar month."""

    first: date
    end: date

    @property
    def name(self) -> str:
        """Such as 2026-03."""
        return f"{self.first:%Y-%m}"


def months(first: date, end: date) -> Iterator[Month]:
    """The days in [first, end), cut where months end."""
    while first < end:
        following = (first.replace(day=1) + 32 * DAY).replace(day=1)
        yield Month(first, min(following, end))
        first = following


def write(db: Connection, month: Month, cap: int, out: IO[bytes]) -> int:
    """Every sample of a month, family by family as the format asks. Returns how many.

    `cap`: the most label sets of a family on one day, as on `/metrics`.
    """
    found: dict[str, list[tuple[float, Family]]] = defaultdict(list)
    kept = figures.kept_series(db)
    names = [(who.provider, who.account, who.name, who.team, who.category) for who in figures.account_figures(db)]
    accounts = Family(catalog.ACCOUNT_INFO, [(labels, 1.0) for labels in names])
    day = month.first
    while day < month.end:
        at = (Period.of_day(day).end - LAST_MINUTE).timestamp()
        calendar, folding = Calendar(day), Folding(cap, kept)
        for family in (accounts, *spend.money(db, calendar, folding), *spend.consumption(db, calendar, folding)):
            found[family.definition.name].append((at, family))
        day += DAY
    count = sum(write_past(found[name], out) for name in sorted(found.keys() - LEFT_OUT))
    out.write(b"# EOF\n")
    return count
