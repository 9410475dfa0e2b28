"""What `/metrics` would have shown at the end of each past day, from the books as they are now.

One rule: a past day knows nothing of later ones, and a replay leaves no trace: what analyses store goes into temporary
tables that hide the real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Connection, text

from exporter.domain import DAY, Period, day_of
from exporter.insights.context import Context
from exporter.insights.run import STEPS
from exporter.metrics import catalog
from exporter.metrics.fold import DEFAULT_CAP
from exporter.metrics.snapshot import Family
from exporter.publish import spend
from exporter.publish.folding import Folding
from exporter.publish.publisher import findings
from exporter.store import figures
from exporter.store.figures import Calendar

# Written by analyses. What people said and planned stays as it is.
FINDINGS = (
    *("analysis_state", "forecasts", "forecast_scores", "budget_outlooks", "anomalies", "judged_accounts"),
    *("nowcasts", "arrivals", "trends", "weekday_hours", "savings", "cache_effects", "unit_costs"),
)
# A real nowcast needs to have watched the day fill up, which books don't remember; the others are in no alert.
STEPS_PLAYED = ("forecasts", "anomalies")
LAST_MINUTE = timedelta(minutes=1)
NOT_REMEMBERED = (
    *(catalog.RECOGNIZED_USD, catalog.REVERSED_USD, catalog.TOKENS_RECOGNIZED, catalog.TOKENS_REVERSED),
    *(catalog.DATA_LATEST, catalog.DATA_SETTLED, catalog.PROVIDER_UP, catalog.LAST_SUCCESS, catalog.LAST_DURATION),
    *(catalog.CONSECUTIVE_FAILURES, catalog.LAST_FAILURE, catalog.BACKFILL_PROGRESS),
    *(
        catalog.BUDGET_NOWCAST_USD,
        catalog.NOWCAST_COMPLETENESS_RATIO,
        catalog.ANALYSIS_LAST_SUCCESS,
        catalog.UNPRICED_TOKENS_MONTH_TO_DATE,
    ),
    *(catalog.TREND_USD_PER_DAY, catalog.TREND_STATE, catalog.GROWTH_RATIO),
    *(catalog.POTENTIAL_SAVING_USD, catalog.CACHE_HIT_RATIO, catalog.CACHE_NET_SAVING_USD),
    *(catalog.COST_PER_REQUEST_USD, catalog.INVOICE_DIFFERENCE_USD),
)
REMEMBERED = frozenset(one.name for one in catalog.PRODUCT if one not in NOT_REMEMBERED)
"""The metrics of which every past day can be told."""
Day = tuple[datetime, list[Family]]
"""A moment, and the families of it."""


ContextOf = Callable[[Connection, datetime], Context]
"""What an analysis is handed at a moment."""


def days(db: Connection, first: date, end: date, context: ContextOf) -> Iterator[Day]:
    """The last minute of each UTC day in [first, end). The transaction is to be rolled back."""
    db.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    _hide(db)
    day = first
    while day < end:
        now = Period.of_day(day).end - LAST_MINUTE
        seen = context(db, now)
        for name in STEPS_PLAYED:
            STEPS[name](db, seen)
        yield now, _families(db, now, seen.fixed_rates)
        day += DAY


def _families(db: Connection, now: datetime, rates: Mapping[str, Decimal]) -> list[Family]:
    calendar, folding = Calendar(day_of(now)), Folding(DEFAULT_CAP, figures.kept_series(db))
    accounts = figures.account_figures(db)
    names = [(one.provider, one.account, one.name, one.team, one.category) for one in accounts]
    money = spend.of_days(db, calendar, folding, ())
    return [
        Family(catalog.ACCOUNT_INFO, [(labels, 1.0) for labels in names]),
        *money,
        *_nowcasts(money),
        *findings(db, now, rates),
    ]


def _nowcasts(money: Iterable[Family]) -> Iterator[Family]:
    """At the end of a day nothing is left to complete: what is seen is what was to come."""
    seen: dict[tuple[str, ...], float] = {}
    for family in money:
        if family.definition is catalog.TODAY_USD:
            for labels, amount in family.samples:
                account = (*labels[:3], "today")
                seen[account] = seen.get(account, 0.0) + amount
    for definition in (catalog.NOWCAST_USD, catalog.NOWCAST_LOWER_USD, catalog.NOWCAST_UPPER_USD):
        yield Family(definition, list(seen.items()))


def _hide(db: Connection) -> None:
    """Empty temporary tables in place of the real ones, and the views over them: the first in every search."""
    views = db.execute(text(_VIEWS), {"tables": list(FINDINGS)}).all()  # before their tables are hidden
    for table in FINDINGS:
        if db.execute(text("SELECT to_regclass(:table)"), {"table": table}).scalar() is not None:
            db.execute(text(f"CREATE TEMPORARY TABLE {table} (LIKE {table} INCLUDING ALL) ON COMMIT DROP"))
    for name, definition in views:
        db.execute(text(f"CREATE TEMPORARY VIEW {name} AS {definition}".replace(":", r"\:")))


_VIEWS = (
    "SELECT DISTINCT view_name, pg_get_viewdef(view_name::regclass) FROM information_schema.view_table_usage"
    " WHERE table_name = ANY(:tables) AND view_schema = current_schema()"
)
