"""`anomalies`: unusual days, those that are stored or, with --csv or --batch, those of a file or a pipe.

One rule: bad input is one sentence; in a batch it is the reply to its own line only.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from exporter.cli import anomalies_stored, show
from exporter.errors import SpendError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import date

    from exporter.analytics.anomaly import Anomaly, Days, Settings
    from exporter.analytics.anomaly.daily import Rows

COLUMNS = ("day", "kind", "severity", "score", "cost", "expected", "usual range")
RIGHT = ("score", "cost", "expected", "usual range")
READ = 1 << 20  # bytes of a batch that are answered together, when that much is waiting
SENSITIVITY = ("method", "floor", "sigmas", "baseline_days", "factor")
METHODS = ("robust", "zscore", "spike")


def register(app: typer.Typer) -> None:
    """Add the command and those below it."""
    group = typer.Typer()
    group.callback(invoke_without_command=True)(anomalies)
    anomalies_stored.register(group)
    app.add_typer(group, name="anomalies")


def anomalies(
    context: typer.Context,
    *,
    csv_file: Annotated[
        str | None,
        typer.Option("--csv", help="Columns date, cost and perhaps series, requests; - is stdin.", metavar="FILE"),
    ] = None,
    batch: Annotated[
        bool, typer.Option("--batch", help="A JSON request on each line of stdin, a JSON reply on each of stdout.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Stored ones: parts of others, planned changes and withdrawn ones too.")
    ] = False,
    method: Annotated[str, typer.Option(help=f"{', '.join(METHODS)}.", metavar="NAME")] = "robust",
    floor: Annotated[float, typer.Option(help="Money: smaller differences are never reported.")] = 0.01,
    sigmas: Annotated[float, typer.Option(min=1.5, max=5, help="zscore: standard deviations.")] = 3.0,
    baseline_days: Annotated[int, typer.Option(min=7, max=90, help="zscore: days of past.")] = 30,
    factor: Annotated[float, typer.Option(help="spike: times the mean of the last 7 days.")] = 2.0,
) -> None:
    """Unusual days of the last 90, as they are stored.

    With --csv or --batch: those of daily costs in a file or a pipe. Dates are days or hours (2025-01-31T23), which are
    summed to days. A day is judged by the days before it alone.
    """
    if context.invoked_subcommand is not None:
        return
    if batch and csv_file is not None:
        raise typer.BadParameter("give either --csv FILE or --batch")
    if not batch and csv_file is None:
        _refuse(context, SENSITIVITY, "is for --csv and --batch; stored days are judged as the configuration file says")
        anomalies_stored.print_stored(everything=everything, as_json=as_json)
        return
    _refuse(context, ("everything",), "is for stored anomalies, not for --csv and --batch")
    settings = _settings(method, floor, sigmas, baseline_days, factor)
    if csv_file is None:
        answer_lines(sys.stdin.buffer, settings)
    else:
        answer_table(csv_file, settings, as_json=as_json)


def _settings(method: str, floor: float, sigmas: float, baseline_days: int, factor: float) -> Settings:
    from exporter.analytics.anomaly import Method, Settings

    if method not in METHODS:
        raise typer.BadParameter(f"there is no method {method}; known are {', '.join(METHODS)}")
    try:
        return Settings(Method(method), floor, sigmas, baseline_days, factor)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _refuse(context: typer.Context, names: Iterable[str], sentence: str) -> None:
    """Options that would do nothing are a mistake."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in names and source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(f"{parameter.opts[0]} {sentence}")


def answer_table(path: str, settings: Settings, *, as_json: bool) -> None:
    """Read a CSV file, judge all its series, print.

    Raises:
        SpendError: it can't be read.
    """
    with _opened(path) as file:
        tables, many = read_table(file)
    found = dict(zip(tables, judged(_daily(tables), settings), strict=True))
    if as_json:
        named = [({"series": name} if many else {}) | facts(one) for name, ones in found.items() for one in ones]
        show.as_json(named)
        return
    rows = [((name,) if many else ()) + _row(one) for name, ones in found.items() for one in ones]
    if rows:
        show.table((("series",) if many else ()) + COLUMNS, rows, right=RIGHT)
    else:
        show.say("No day was unusual.")


def _opened(path: str) -> AbstractContextManager[IO[str]]:
    if path == "-":
        return nullcontext(sys.stdin)
    try:
        return open(path, encoding="utf-8-sig", newline="")  # noqa: PTH123 (the caller closes it)
    except OSError as error:
        raise SpendError(f"can't read {path}: {error.strerror}") from None


def read_table(file: IO[str]) -> tuple[dict[str, Rows], bool]:
    """The rows of each series, and whether there is a column that names series.

    Raises:
        SpendError: a column is missing, or a line can't be read.
    """
    from exporter.analytics.anomaly.daily import Rows

    lines = csv.reader(file)
    try:
        header = [name.strip().lower().lstrip("\ufeff") for name in next(lines, [])]
        place = {name: header.index(name) for name in ("date", "cost", "series", "requests") if name in header}
        if missing := [name for name in ("date", "cost") if name not in place]:
            raise SpendError(f"the table needs the columns date and cost; missing: {', '.join(missing)}")
        tables: dict[str, Rows] = {}
        day, cost, series, requests = (place.get(name) for name in ("date", "cost", "series", "requests"))
        for line in lines:
            if not line:
                continue
            if len(line) > len(header):
                raise SpendError(f"line {lines.line_num}: there are more values than columns")
            name = line[series] if series is not None else ""
            rows = tables.get(name) or tables.setdefault(name, Rows())
            rows.add(line[day or 0], line[cost or 0], line[requests] if requests is not None else None)
    except IndexError:
        raise SpendError(f"line {lines.line_num}: there are fewer values than columns") from None
    except (ValueError, csv.Error) as error:
        where = f"line {lines.line_num}: " if not isinstance(error, UnicodeError) else ""
        raise SpendError(f"{where}{'not UTF-8 text' if isinstance(error, UnicodeError) else error}") from None
    if not tables:
        raise SpendError("the table has no line under its heading")
    return tables, series is not None


def _daily(tables: dict[str, Rows]) -> Iterator[tuple[date, Days, Days]]:
    for name, rows in tables.items():
        try:
            yield rows.daily()
        except ValueError as error:
            raise SpendError(f"series {name}: {error}" if name else str(error)) from None


def judged(series: Iterable[tuple[date, Days, Days]], settings: Settings) -> list[list[Anomaly]]:
    """The anomalies of each series. Requests take part where any are known."""
    import numpy as np

    from exporter.analytics.anomaly import find_anomalies

    starts, costs, requests = (list(one) for one in zip(*series, strict=True))
    counted = any(not np.isnan(one).all() for one in requests)
    return find_anomalies(costs, starts, settings, requests=requests if counted else None)


def facts(one: Anomaly) -> dict[str, Any]:
    """What the JSON says: all of it was known on the day."""
    return {
        "date": one.date.isoformat(),
        "score": round(one.score, 2),
        "severity": one.severity.value,
        "expected": round(one.expected, 6),
        "lower": round(one.lower, 6),
        "upper": round(one.upper, 6),
        "kind": one.kind.value,
        "excess": round(one.excess, 6),
    }


def _row(one: Anomaly) -> tuple[str, ...]:
    kind = one.kind.value.replace("_", " ") + (", stayed" if one.became != one.kind else "")
    usual = f"{_short(one.lower)} – {_short(one.upper)}"
    return (str(one.date), kind, one.severity.value, f"{one.score:.1f}", _short(one.cost), _short(one.expected), usual)


def _short(money: float) -> str:
    return f"{money:,.2f}" if abs(money) < 1000 else f"{money:,.0f}"


def answer_lines(source: IO[bytes], settings: Settings) -> None:
    """Answer each line at once, in order. Lines that wait together are judged together."""
    _widen(source)
    rest = b""
    read = getattr(source, "read1", source.read)
    while data := read(READ):
        *lines, rest = (rest + data).split(b"\n")
        _reply(lines, settings)
    _reply([rest], settings)


def _widen(source: IO[bytes]) -> None:
    """Let more lines wait in the pipe, where the system can."""
    with suppress(ImportError, AttributeError, OSError, ValueError):
        import fcntl

        fcntl.fcntl(source.fileno(), fcntl.F_SETPIPE_SZ, READ)


def _reply(lines: Sequence[bytes], settings: Settings) -> None:
    asked = [_asked(line) for line in lines if line.strip()]
    series = [one for _, one in asked if not isinstance(one, str)]
    found = iter(judged(series, settings)) if series else iter(())
    for name, one in asked:
        said = {"error": one} if isinstance(one, str) else {"anomalies": [facts(each) for each in next(found)]}
        show.say(json.dumps({"id": name} | said, ensure_ascii=False))


def _asked(line: bytes) -> tuple[Any, tuple[date, Days, Days] | str]:
    """The request's id and its days, or the sentence that says what is wrong."""
    from exporter.analytics.anomaly.daily import rows_of

    try:
        request = json.loads(line)
    except (ValueError, RecursionError):
        return None, "the line is not JSON"
    if not isinstance(request, dict):
        return None, 'a request is an object: {"id": …, "dates": […], "costs": […]}'
    lists = [request.get("dates"), request.get("costs"), request.get("requests", [])]
    if not all(isinstance(one, list) for one in lists):
        return request.get("id"), "a request needs the lists dates and costs"
    try:
        return request.get("id"), rows_of(request["dates"], request["costs"], request.get("requests")).daily()
    except ValueError as error:
        return request.get("id"), str(error)
