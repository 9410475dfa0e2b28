"""Getting usage into the books: a whole window replaced, against a plain COPY and upsert of the same rows."""

from __future__ import annotations

import resource
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Engine, text

from benchmarks import baseline, rows
from benchmarks.postgres import new_database
from benchmarks.report import Report, Requirement, Table, middle
from benchmarks.rows import Pages, Watch
from exporter.domain import Source
from exporter.store import accounts, leases, partitions
from exporter.store.accounts import StoredAccount
from exporter.store.engine import open_engine, transaction
from exporter.store.staging import Stage
from exporter.store.windows import Pass, Reading, replace_window

ROUNDS = 2
USUAL_ROWS = 50_000
WARM_UP_ROWS = 100_000
OURS, PLAIN = "window replacement", "COPY and upsert"
STEPS = {"first load": False, "unchanged": False, f"{rows.CHANGED_PERCENT} % changed": True}

Load = Callable[[Pages], None]


@dataclass(slots=True)
class Times:
    """Seconds of every round, by method and step."""

    seconds: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def note(self, method: str, step: str, seconds: float) -> None:
        self.seconds.setdefault((method, step), []).append(seconds)

    def of(self, method: str, step: str) -> float:
        return middle(self.seconds[method, step])


def measure(server_url: str, wanted: int) -> Report:
    """Alternate both methods, then compare medians."""
    engine = open_engine(new_database(server_url, "ingest"))
    _prepare(engine, wanted)
    methods = {OURS: _ours(engine, wanted), PLAIN: _plain(engine)}
    peak_small = _warm_up(engine, methods)
    times = Times()
    for turn in range(ROUNDS):
        for method in (OURS, PLAIN) if turn % 2 == 0 else (PLAIN, OURS):
            _run(engine, methods[method], method, wanted, times)
    peak_large = _peak_mib()
    usual = _usual(engine)
    engine.dispose()
    tables = [_table(times, wanted), _usual_table(times, wanted, usual), _memory(peak_small, peak_large, wanted)]
    return Report(tables, _requirements(times))


def _prepare(engine: Engine, wanted: int) -> None:
    with transaction(engine) as db:
        baseline.create(db)
        partitions.ensure(db, rows.window(wanted))
        accounts.add(db, StoredAccount(id=baseline.ACCOUNT, provider="openai", category="ai"))


def _ours(engine: Engine, wanted: int) -> Load:
    with transaction(engine) as db:
        lease = leases.claim(db, baseline.ACCOUNT, "benchmark", lasts=timedelta(hours=2))
    assert lease is not None

    def load(pages: Pages) -> None:
        stage = Stage(baseline.REPORT)
        for page in pages:
            stage.next_page()
            stage.add_usage(page, Source.USAGE_API)
        window = rows.window(wanted)
        reading = Reading(
            report=baseline.REPORT,
            source=Source.USAGE_API,
            window=window,
            stage=stage,
            kind=Pass.RECENT,
            read_at=window.end,
            settled_until=window.start,
            wanted_from=window.start,
        )
        with transaction(engine) as db:
            replace_window(db, lease, reading)
        stage.close()

    return load


def _plain(engine: Engine) -> Load:
    def load(pages: Pages) -> None:
        with transaction(engine) as db:
            baseline.copy_and_upsert(db, pages)

    return load


def _run(engine: Engine, load: Load, method: str, wanted: int, times: Times) -> None:
    """From empty tables: the first load, the same again, the same with restatements."""
    _empty(engine)
    watch = Watch()
    for step, changed in STEPS.items():
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
            db.execute(text("CHECKPOINT"))
        watch.start()
        load(watch.unseen(rows.pages(wanted, changed=changed)))
        times.note(method, step, watch.read())


def _empty(engine: Engine) -> None:
    with transaction(engine) as db:
        db.execute(text("TRUNCATE usage, daily_usage, best_days, ledger, report_state, plain_usage"))


def _warm_up(engine: Engine, methods: dict[str, Load]) -> float:
    """Both methods once with few rows. Returns the peak memory of that."""
    for load in methods.values():
        load(rows.pages(WARM_UP_ROWS))
    _empty(engine)
    return _peak_mib()


def _usual(engine: Engine) -> float:
    """Rows per second of the usual executemany."""
    _empty(engine)
    watch = Watch()
    watch.start()
    with transaction(engine) as db:
        baseline.executemany(db, watch.unseen(rows.pages(USUAL_ROWS)))
    return USUAL_ROWS / watch.read()


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _table(times: Times, wanted: int) -> Table:
    return Table(
        f"Ingest of {wanted:,} hourly rows, {rows.SETS:,} sets of dimensions, rows per second (medians of {ROUNDS})",
        ("step", OURS, PLAIN, "ratio"),
        [
            (
                step,
                f"{wanted / times.of(OURS, step):,.0f}",
                f"{wanted / times.of(PLAIN, step):,.0f}",
                f"{times.of(PLAIN, step) / times.of(OURS, step):.2f}",
            )
            for step in STEPS
        ],
    )


def _usual_table(times: Times, wanted: int, usual: float) -> Table:
    ours = wanted / times.of(OURS, "first load")
    return Table(
        f"The usual SQLAlchemy executemany upsert, {USUAL_ROWS:,} rows",
        ("method", "rows per second", "ratio"),
        [("executemany", f"{usual:,.0f}", "1.0"), (OURS, f"{ours:,.0f}", f"{ours / usual:.1f}")],
    )


def _memory(small: float, large: float, wanted: int) -> Table:
    return Table(
        "Peak memory of the loading process",
        ("rows", "MiB"),
        [(f"{WARM_UP_ROWS:,}", f"{small:.0f}"), (f"{wanted:,}", f"{large:.0f}")],
    )


def _requirements(times: Times) -> list[Requirement]:
    first, again = times.of(OURS, "first load"), times.of(OURS, "unchanged")
    share = times.of(PLAIN, "first load") / first
    return [
        Requirement("a first load runs at 50 % of a plain COPY and upsert or more", f"{share:.0%}", share >= 0.5, True),
        Requirement(
            "a re-sync without changes is faster than the first load",
            f"{again / first:.2f} of its time",
            again < first,
            True,
        ),
    ]
