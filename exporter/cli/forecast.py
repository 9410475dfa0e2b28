"""`forecast`: what the days ahead will cost, by what is stored, or of daily costs from a file or a pipe.

One rule: input that can't be read ends in one sentence; in a batch the sentence is that request's reply and the next
request is answered as ever.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from exporter.cli import forecast_stored, show
from exporter.errors import ConfigError

if TYPE_CHECKING:
    from exporter.analytics.forecast import Forecast
    from exporter.analytics.series import DailySeries

HORIZON = 30  # days
COLUMNS = ("series", "volatility", "total", "95 % from", "to", "method")
DAY_COLUMNS = ("day", "expected", "95 % from", "to")


class Rows(NamedTuple):
    """One series as it was read."""

    dates: list[str]
    costs: list[str]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(forecast)


def forecast(
    *,
    csv_file: Annotated[
        str | None,
        typer.Option("--csv", help="Columns date, cost and perhaps series; - is stdin.", metavar="FILE"),
    ] = None,
    horizon: Annotated[
        int | None, typer.Option(min=1, max=3660, help="How many days ahead; 30 unless given.", metavar="N")
    ] = None,
    batch: Annotated[
        bool, typer.Option("--batch", help="A JSON request per line on stdin, a JSON reply per line.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """What the days ahead will cost, with a 95 % range: as the last analysis of what is stored says.

    With --csv or --batch it is a forecast of those daily costs instead; no database is needed. Dates are days or hours
    (2025-01-31T23).
    """
    if batch and csv_file not in {None, "-"}:
        raise typer.BadParameter("give either --csv FILE or --batch")
    if csv_file is None and not batch:
        if horizon is not None:
            raise typer.BadParameter("--horizon is for --csv and --batch; stored forecasts have horizons of their own")
        forecast_stored.print_stored(as_json=as_json)
        return
    if batch:
        _serve(sys.stdin.buffer, horizon or HORIZON)
        return
    _answer_file(csv_file or "-", horizon or HORIZON, as_json=as_json)


def _answer_file(path: str, horizon: int, *, as_json: bool) -> None:
    several, found = _read(path)
    answers = {name: _answer(name if several else "", rows, horizon) for name, rows in found.items()}
    if as_json:
        facts = {name: as_facts(made) for name, (_, made) in answers.items()}
        show.say(_dumped(facts if several else facts[""]))
    elif several:
        show.table(COLUMNS, [(name, *_cells(made)) for name, (_, made) in answers.items()], right=COLUMNS[2:5])
    else:
        _print_days(*answers[""])


def as_facts(made: Forecast) -> dict[str, Any]:
    """A forecast as JSON has it."""
    return {
        "daily": made.daily.tolist(),
        "lower": made.lower.tolist(),
        "upper": made.upper.tolist(),
        "total": made.total,
        "total_lower": made.total_lower,
        "total_upper": made.total_upper,
        "method": made.method,
        "volatility": made.volatility,
    }


def reply(line: str, horizon: int) -> dict[str, Any]:
    """The reply to one line of a batch: a forecast or an error, under the request's id."""
    known: Any = None
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise ConfigError("a request is an object with id, dates, costs and horizon")
        known = request.get("id")
        dates, costs = (_column(request, name) for name in ("dates", "costs"))
        if len(dates) != len(costs):
            raise ValueError(f"there are {len(dates)} dates and {len(costs)} costs")
        ahead = request.get("horizon", horizon)
        if not isinstance(ahead, int) or isinstance(ahead, bool):
            raise ConfigError(f"the horizon {ahead!r} is no whole number of days")
        return {"id": known, **as_facts(_made(dates, costs, ahead)[1])}
    except json.JSONDecodeError as error:
        return {"id": None, "error": f"this is no JSON: {error}"}
    except (ValueError, RecursionError, ConfigError) as error:
        return {"id": known, "error": str(error)}


def _serve(lines: Iterable[bytes], horizon: int) -> None:
    for line in lines:
        if line.strip():
            show.say(
                _dumped(reply(line.decode(errors="replace"), horizon))
            )  # flushes: the other side may be waiting for it


def _dumped(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _column(request: dict[str, Any], name: str) -> list[Any]:
    values = request.get(name)
    if not isinstance(values, list):
        raise ConfigError(f"the request has no list of {name}")
    return values


def _made(dates: Iterable[object], costs: Iterable[object], horizon: int) -> tuple[DailySeries, Forecast]:
    """The series and its forecast.

    Raises:
        ValueError: why there is none.
    """
    import numpy as np

    from exporter.analytics.forecast import forecast as method
    from exporter.analytics.series import from_rows

    series = from_rows(dates, costs)
    with np.errstate(all="ignore"):
        made = method(series.values, horizon, start=series.start)
        if not np.isfinite([made.total_lower, made.total, made.total_upper, *made.lower, *made.upper]).all():
            raise ValueError("the amounts are too large to add up")
    return series, made


def _answer(name: str, rows: Rows, horizon: int) -> tuple[DailySeries, Forecast]:
    try:
        return _made(rows.dates, rows.costs, horizon)
    except ValueError as error:
        raise ConfigError(f"series {name}: {error}" if name else str(error)) from None


def _read(path: str) -> tuple[bool, dict[str, Rows]]:
    """Whether there is a series column, and the rows of each series in the order they came.

    Raises:
        ConfigError: the file can't be read.
    """
    try:
        if path == "-":
            return _sorted_out(sys.stdin)
        with Path(path).expanduser().open(encoding="utf-8-sig", newline="") as lines:
            return _sorted_out(lines)
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} is no CSV text: {error}") from None


def _sorted_out(lines: Iterable[str]) -> tuple[bool, dict[str, Rows]]:
    rows = csv.reader(lines)
    heading = [name.strip().lower().removeprefix("\ufeff") for name in next(rows, [])]
    if not {"date", "cost"} <= set(heading):
        raise ConfigError("the first line must name the columns date and cost, and series if there are several")
    several = "series" in heading
    found: dict[str, Rows] = {}
    for name, when, cost in _picked(rows, heading):
        one = found.setdefault(name, Rows([], []))
        one.dates.append(when)
        one.costs.append(cost)
    if not found:
        raise ConfigError("there are no rows after the heading")
    return several, found


def _picked(rows: Iterator[list[str]], heading: list[str]) -> Iterator[tuple[str, str, str]]:
    when, cost = heading.index("date"), heading.index("cost")
    series = heading.index("series") if "series" in heading else None
    for number, row in enumerate(rows, start=1):
        if not row:
            continue
        if len(row) != len(heading):
            raise ConfigError(f"row {number} has {len(row)} fields and the heading {len(heading)}")
        yield "" if series is None else row[series], row[when], row[cost]


def _cells(made: Forecast) -> tuple[str, ...]:
    amounts = (made.total, made.total_lower, made.total_upper)
    return (made.volatility, *(f"{amount:,.2f}" for amount in amounts), made.method)


def _print_days(series: DailySeries, made: Forecast) -> None:
    from datetime import timedelta

    first = series.start + timedelta(days=len(series.values))
    rows = [
        (first + timedelta(days=ahead), *(f"{amount:,.2f}" for amount in amounts))
        for ahead, amounts in enumerate(zip(made.daily, made.lower, made.upper, strict=True))
    ]
    rows.append(("total", *(f"{amount:,.2f}" for amount in (made.total, made.total_lower, made.total_upper))))
    show.table(DAY_COLUMNS, rows, right=DAY_COLUMNS[1:])
    show.say(f"{made.volatility}; {made.method}")
