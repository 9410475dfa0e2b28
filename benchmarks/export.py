"""Getting rows out: our files against a plain COPY TO STDOUT of the same columns, in the same process."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine, text

from benchmarks import rows
from benchmarks.postgres import new_database
from benchmarks.report import Report, Requirement, Table, middle
from exporter.domain import Period
from exporter.exports import prepare, request
from exporter.store import partitions
from exporter.store.engine import open_engine, transaction

ROUNDS = 3
FEW = 100_000
START = rows.START.date()
NOW = datetime(2026, 12, 31, tzinfo=UTC)
ACCOUNTS, SETS = 20, 1_000
CEILINGS = {"csv": 2.0, "ndjson": 2.5}  # times a plain COPY
MOST_MIB = 60.0
MOST_SECONDS = 30.0
PLAIN = "COPY TO STDOUT"
PROMISED = ("costs by day",)  # usage by hour costs more: two times, tags, and the order of an index over wide rows
_NAMES = " LEFT JOIN names n ON n.account_id = c.account_id AND n.kind = 'scope' AND n.id = c.scope"
_COSTS = "SELECT c.*, n.name FROM best_charges c" + _NAMES
_USAGE = (
    "SELECT c.period_start, c.period_end, c.account_id, c.source, c.report, c.meter, c.unit, c.model, c.scope,"
    " c.api_key, c.service_tier, c.tags, c.quantity, a.provider, a.team, a.category, n.name, s.settled_until"
    " FROM usage c JOIN accounts a ON a.id = c.account_id"
    " LEFT JOIN report_state s ON s.account_id = c.account_id AND s.report = c.report" + _NAMES
)
WHAT = {
    "costs by day": ("costs", {}, _COSTS),
    "usage by hour": ("usage", {"grain": "hour"}, _USAGE),
}
"""What is exported, and the same columns as a plain COPY has them: in no order, and nothing guarded."""

_DIMENSIONS = """
 (ARRAY['input', 'cache_read', 'output', 'requests'])[1 + s % 4] AS meter,
 CASE s % 4 WHEN 3 THEN 'requests' ELSE 'tokens' END AS unit, 'gpt-5.' || s / 4 % 10 || '-2026-01-01' AS model,
 'proj_' || s / 4 % 25 || 'QmPpZ7xTtAaLk3Rw' AS scope, (ARRAY['default', 'batch', 'flex'])[1 + s % 3] AS tier"""
_FILL = [
    (
        "INSERT INTO accounts (id, provider, team, category, origin)"
        " SELECT 'openai-' || n, 'openai', 'team-' || n % 7, 'ai', 'database' FROM generate_series(1, :accounts) n"
    ),
    (
        "INSERT INTO names SELECT id, 'scope', 'proj_' || n || 'QmPpZ7xTtAaLk3Rw', 'Project ' || n"
        " FROM accounts, generate_series(0, 24) n"
    ),
    (
        "INSERT INTO best_days SELECT id, CAST(:start AS date) + d, 'cost_api', true, 1"
        " FROM accounts, generate_series(0, :days - 1) d"
    ),
    (
        "INSERT INTO daily_charges SELECT id, CAST(:start AS date) + d, 'cost_api', 'costs', x.meter || ', ' || s,"
        " x.unit, x.model, x.scope, x.tier, (s * 7919 + d * 104729) % 1000003 / 1000000.0 FROM accounts,"
        f" generate_series(0, :days - 1) d, generate_series(0, :sets - 1) s, LATERAL (SELECT {_DIMENSIONS}) x"
        " ORDER BY 1, 2"
    ),
    (
        "INSERT INTO usage SELECT id, t, t + interval '1 hour', 'usage_api', md5(s::text)::uuid, 'usage/completions',"
        " x.meter, x.unit, x.model, x.scope, 'key_' || s / 4 || 'fVbN2LkQpYtRz8', x.tier,"
        " jsonb_build_object('api_source', 'unlabeled', 'user_id', 'user-' || s % 80 || 'HhWw9PpLl'),"
        " 1000 + s * 7919 % 2000003"
        " FROM accounts, generate_series(0, :days - 1) h, generate_series(0, :sets - 1) s,"
        f" LATERAL (SELECT CAST(:start AS date)::timestamp AT TIME ZONE 'UTC' + h * interval '1 hour' AS t,"
        f" {_DIMENSIONS}) x ORDER BY 1, 2"
    ),
]


@dataclass(slots=True)
class Times:
    """Seconds of every round, by what and how."""

    seconds: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def note(self, what: str, how: str, seconds: float) -> None:
        self.seconds.setdefault((what, how), []).append(seconds)

    def of(self, what: str, how: str) -> float:
        return middle(self.seconds[what, how])


def measure(server_url: str, wanted: int) -> Report:
    """Take turns, then compare medians."""
    engine = open_engine(new_database(server_url, "export"))
    days = -(-wanted // (ACCOUNTS * SETS))
    _fill(engine, days)
    few = _export(engine, "costs", "csv", {"limit": FEW})  # and everything is loaded now
    for form in CEILINGS:
        _export(engine, "costs", form, {"limit": FEW})
    before = _peak_mib()
    times = Times()
    for _ in range(ROUNDS):
        for what, (kind, words, query) in WHAT.items():
            times.note(what, PLAIN, _timed(lambda q=query: _plain(engine, q)))
            for form in CEILINGS:
                times.note(what, form, _export(engine, kind, form, words))
    grown = _peak_mib() - before
    engine.dispose()
    records = days * ACCOUNTS * SETS
    return Report([_table(times, records)], _requirements(times, few, grown, records))


def _fill(engine: Engine, days: int) -> None:
    start = datetime(START.year, START.month, START.day, tzinfo=UTC)
    with transaction(engine) as db:
        partitions.ensure(db, Period(start, start + timedelta(days=days)))
        for statement in _FILL:
            values = {"start": START, "days": days, "sets": SETS, "accounts": ACCOUNTS}
            known = {name: value for name, value in values.items() if f":{name}" in statement}
            db.execute(text(statement), known)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.execute(text("VACUUM ANALYZE"))
        db.execute(text("CHECKPOINT"))


def _export(engine: Engine, kind: str, form: str, words: dict[str, object]) -> float:
    """Seconds from the request to the last byte."""
    wanted = request(kind, date(2026, 12, 31), since=f"{START}", format=form, **words)

    def run() -> None:
        with transaction(engine) as db:
            download = prepare(db, wanted, NOW)
        with download:
            for chunk in download.chunks():
                del chunk

    return _timed(run)


class _Nowhere:
    def write(self, line: bytes) -> None:
        """Forget it."""


def _plain(engine: Engine, query: str) -> None:
    with transaction(engine) as db, db.connection.cursor() as cursor:
        cursor.copy_expert(f"COPY ({query}) TO STDOUT", _Nowhere())


def _timed(run: Callable[[], None]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _table(times: Times, records: int) -> Table:
    return Table(
        f"Export of {records:,} records, seconds (medians of {ROUNDS}; times {PLAIN})",
        ("what", PLAIN, *CEILINGS),
        [(what, f"{times.of(what, PLAIN):.1f}", *(_cell(times, what, form) for form in CEILINGS)) for what in WHAT],
    )


def _cell(times: Times, what: str, form: str) -> str:
    seconds = times.of(what, form)
    return f"{seconds:.1f} ({seconds / times.of(what, PLAIN):.2f})"


def _requirements(times: Times, few: float, grown: float, records: int) -> list[Requirement]:
    found = [
        Requirement(f"{what} as {form} within {ceiling} × {PLAIN}", f"{ratio:.2f}", ratio <= ceiling, True)
        for form, ceiling in CEILINGS.items()
        for what in PROMISED
        if (ratio := times.of(what, form) / times.of(what, PLAIN))
    ]
    return [
        *found,
        Requirement(f"memory grows by less than {MOST_MIB:.0f} MiB from {FEW:,} to {records:,} records",
                    f"{grown:.1f} MiB", grown < MOST_MIB),
        Requirement(f"{FEW:,} records far under {MOST_SECONDS:.0f} s", f"{few:.1f} s", few < MOST_SECONDS / 3),
    ]  # fmt: skip
