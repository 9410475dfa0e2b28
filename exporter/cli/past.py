"""`backfill prometheus --out`: stored history as files that promtool takes into a Prometheus."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.cli import show, work
from exporter.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporter.app import Runtime
    from exporter.publish.past import Month

TAKE_IN = (
    'for f in {out}/*.om; do promtool tsdb create-blocks-from openmetrics --max-block-duration=31d "$f" DATA; done'
)


def write_history(out: Path, days: int | None, until: datetime | None) -> None:
    """A file for each month of stored history, up to `until` (today) and `days` back from there.

    Raises:
        ConfigError: the folder can't be used, or there is nothing to write.
    """
    from exporter.domain import day_of
    from exporter.publish.past import months
    from exporter.store.daily import first_day

    _empty(out)
    with work.opened() as runtime:
        end = day_of(runtime.clock()) if until is None else min(until.date(), day_of(runtime.clock()))
        oldest = runtime.database.call(first_day) or end
        first = oldest if days is None else max(oldest, end - timedelta(days=days))
        if first >= end:
            raise ConfigError(f"nothing is stored of days before {end}; `spend-exporter sync` brings figures in")
        count = _write(runtime, out, months(first, end))
    _invite(out, count, first, end - timedelta(days=1))


def _empty(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        used = any(out.iterdir())
    except OSError as error:
        raise ConfigError(f"{out} can't be used as a folder: {error.strerror}") from None
    if used:  # files of another time would be taken in with ours
        raise ConfigError(f"{out} is not empty: name a new folder with --out")


def _write(runtime: Runtime, out: Path, wanted: Iterable[Month]) -> int:
    """Each month in a transaction of its own, so that memory and locks stay small."""
    from exporter.publish import past

    total = 0
    for month in wanted:
        file = out / f"spend-{month.name}.om"
        with file.open("wb") as lines:
            count = runtime.database.call(past.write, month, runtime.config.settings.series_limit, lines)
        show.note(f"{file}: {count:,} samples")
        total += count
    return total


def _invite(out: Path, count: int, first: date, last: date) -> None:
    show.say(f"Wrote {count:,} samples, one a day from {first} to {last}. Next, where DATA is Prometheus' data folder:")
    show.say(f"  {TAKE_IN.format(out=out)}")
    show.say("Its --storage.tsdb.retention.time has to reach back that far. How to ask: docs/existing-stack.md.")
