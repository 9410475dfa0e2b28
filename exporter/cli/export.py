"""`export`: what is stored, as a file or to a pipe.

One rule: the result is the file alone; which days, how many records and what they come to are said on stderr.
"""

from __future__ import annotations

import sys
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exporter.cli import show, work

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from exporter.app import Runtime
    from exporter.exports import Download, Export

Words = list[str] | None


class Kind(StrEnum):
    """What to export."""

    COSTS = "costs"
    USAGE = "usage"


def _only(of: str, metavar: str = "ID") -> Any:
    return typer.Option(help=f"Only {of}; may be repeated.", metavar=metavar, show_default=False)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(export)


def export(
    kind: Annotated[Kind, typer.Argument(help="What to export.")],
    *,
    since: Annotated[str, typer.Option("--from", help="The first UTC day.", metavar="DATE")] = "",
    until: Annotated[str, typer.Option("--to", help="The first UTC day that is left out.", metavar="DATE")] = "",
    format: Annotated[  # noqa: A002 (as the option is called)
        str, typer.Option(help="csv, json, ndjson, parquet, xlsx, or focus: csv in FOCUS columns.", metavar="NAME")
    ] = "csv",
    out: Annotated[str, typer.Option(help="The file to write; - is stdout.", metavar="FILE")] = "-",
    provider: Annotated[Words, _only("this provider")] = None,
    account: Annotated[Words, _only("this account")] = None,
    team: Annotated[Words, _only("this team", "NAME")] = None,
    model: Annotated[Words, _only("this model")] = None,
    scope: Annotated[Words, _only("this project, workspace or resource")] = None,
    source: Annotated[Words, _only("what came from there, such as invoice", "NAME")] = None,
    confidence: Annotated[Words, _only("official, provisional, estimated or manual figures", "NAME")] = None,
    grain: Annotated[
        str, typer.Option(help="Usage by day, or by hour with API keys and tags.", metavar="NAME")
    ] = "day",
    columns: Annotated[str, typer.Option(help="These columns alone, in this order.", metavar="A,B,…")] = "",
    all_sources: Annotated[
        bool, typer.Option("--all-sources", help="Also what does not count, with a column counts.")
    ] = False,
    redact: Annotated[bool, typer.Option("--redact", help="Hashes in place of scopes, API keys and tags.")] = False,
    focus_version: Annotated[
        str, typer.Option(help="FOCUS columns of 1.2 or 1.4, in any format.", metavar="VERSION")
    ] = "",
    limit: Annotated[int, typer.Option(help="At most so many records; 0 is all.")] = 0,
    cursor: Annotated[
        str, typer.Option(help="Go on here: next_cursor of an export with --limit.", metavar="TEXT")
    ] = "",
) -> None:
    """Export costs or usage: the last 30 complete days, unless --from or --to says otherwise.

    Costs are what counts: one source for each account and day. Beside a csv FILE there is FILE.metadata.json with
    counts and totals; the other formats hold them.
    """
    from exporter.domain import day_of
    from exporter.exports import request

    given = {
        "provider": provider, "account": account, "team": team, "model": model, "scope": scope, "source": source,
        "confidence": confidence,
    }  # fmt: skip
    with work.opened() as runtime:
        wanted = request(
            kind.value, day_of(runtime.clock()), since=since, until=until, format=format, grain=grain,
            filters={name: words for name, words in given.items() if words},
            columns=[word.strip() for word in columns.split(",")] if columns else [], all_sources=all_sources,
            redact=redact, focus=focus_version, limit=limit, after=cursor,
        )  # fmt: skip
        _refuse(runtime, wanted, out)
        _say_period(wanted)
        with _prepared(runtime, wanted) as download:
            _write(download, out)
            _say_what(download, out)


def _refuse(runtime: Runtime, wanted: Export, out: str) -> None:
    """What only the command line knows to be wrong."""
    from exporter.cli.invoices import require_account
    from exporter.errors import ConfigError
    from exporter.exports import Format

    for name in wanted.selection.filters.get("account", ()):
        require_account(runtime, name)
    if out == "-" and wanted.format in (Format.XLSX, Format.PARQUET) and sys.stdout.isatty():
        raise ConfigError(f"{wanted.format} is nothing to read on a terminal: name a file with --out")


def _say_period(wanted: Export) -> None:
    of = wanted.selection
    days = _days(of.since, of.until)
    by_default = "the last 30 complete days, " if wanted.by_default else ""
    show.note(f"{of.kind.capitalize()} of {by_default}{days} (UTC).")


def _days(since: date, until: date) -> str:
    last = until - timedelta(days=1)
    return f"{since}" if since == last else f"{since} to {last}"


def _prepared(runtime: Runtime, wanted: Export) -> Download:
    from exporter.exports import prepare

    with show.bars() as bars:
        task = bars.add_task("exporting", total=None)
        done = 0

        def progress(records: int, total: int) -> None:
            nonlocal done
            done += records
            bars.update(task, completed=done, total=wanted.selection.limit or total)

        return runtime.database.call(prepare, wanted, runtime.clock(), progress)


def _write(download: Download, out: str) -> None:
    if out == "-":
        _copy(download, sys.stdout.buffer)
        return
    path = Path(out)
    _whole(path, lambda file: _copy(download, file))
    if download.export.format == "csv":
        _whole(_beside(path), lambda file: file.write(_told(download)))


def _copy(download: Download, file: IO[bytes]) -> None:
    for chunk in download.chunks():
        file.write(chunk)
    file.flush()


def _whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Under another name until it is whole, so that nobody takes half of it for the export."""
    from exporter.errors import ConfigError

    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            write(file)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ConfigError(f"can't write {path}: {error.strerror}") from None


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.metadata.json")


def _told(download: Download) -> bytes:
    import json

    return (json.dumps(download.metadata, indent=2, ensure_ascii=False) + "\n").encode()


def _say_what(download: Download, out: str) -> None:
    told = download.metadata
    records = "1 record" if told["records"] == 1 else f"{told['records']:,} records"
    whole = "" if told["complete"] else f" of {told['total_records']:,}"
    totals = ", ".join(f"{total} {unit or 'of no unit'}" for unit, total in told["totals"].items())
    place = "" if out == "-" else f" in {out}"
    show.note(f"{records}{whole}{place}; {totals or 'nothing'} in all.")
    if told["next_cursor"]:
        show.note(f"There is more: --cursor {told['next_cursor']}")
