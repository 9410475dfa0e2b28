"""What somebody asks to have exported, from words. One rule: whatever is wrong with it is said here, in a sentence.

The command line and the HTTP API give the same words, so they refuse the same things.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from exporter.domain import DAY, Confidence, Source
from exporter.errors import SpendError
from exporter.exports import cursor
from exporter.store.exports import FILTERS, FOCUS_VERSIONS, Selection, columns_of

KINDS = ("costs", "usage")
GRAINS = ("day", "hour")
DEFAULT_DAYS = 30
_KNOWN = {"source": [source.value for source in Source], "confidence": [value.value for value in Confidence]}


class ExportError(SpendError):
    """The export can't be made as it was asked for."""


class Format(StrEnum):
    """What kind of file."""

    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"
    PARQUET = "parquet"
    XLSX = "xlsx"


@dataclass(frozen=True, slots=True)
class Export:
    """A valid request. `by_default`: nobody named the period."""

    selection: Selection
    format: Format
    by_default: bool = False


def request(
    kind: str,
    today: date,
    *,
    since: str = "",
    until: str = "",
    format: str = Format.CSV,  # noqa: A002 (as the API's parameter is called)
    grain: str = "day",
    filters: Mapping[str, Sequence[str]] | None = None,
    columns: Sequence[str] = (),
    all_sources: bool = False,
    redact: bool = False,
    after: str = "",
    limit: int = 0,
    focus: str = "",
) -> Export:
    """The export that these words ask for. `since` and `until` are UTC days, half-open; without them the last 30.

    Raises:
        ExportError: what is wrong with them.
    """
    if format == "focus":
        format, focus = Format.CSV, focus or FOCUS_VERSIONS[0]  # noqa: A001
    first, end = _period(since, until, today)
    focus = focus and _one_of("FOCUS version", focus, FOCUS_VERSIONS)
    selection = Selection(
        kind=_one_of("kind", kind, KINDS), since=first, until=end,
        hourly=_one_of("grain", grain, GRAINS) == "hour", all_sources=all_sources, filters=_filters(filters or {}),
        columns=tuple(columns), redact=redact, limit=limit, focus=focus,
    )  # fmt: skip
    _refuse_combinations(selection)
    _refuse_columns(selection)
    if after:
        selection = replace(selection, after=_position(after, selection))
    return Export(selection, Format(_one_of("format", format, tuple(Format))), not (since or until))


def _period(since: str, until: str, today: date) -> tuple[date, date]:
    end = _day("to", until) if until else today
    first = _day("from", since) if since else end - DEFAULT_DAYS * DAY
    if first >= end:
        raise ExportError(f"there is no day from {first} to {end}: `to` is the first day that is left out")
    return first, end


def _day(name: str, word: str) -> date:
    try:
        day = date.fromisoformat(word)
    except ValueError:
        day = date.min
    if day.isoformat() != word or day.year < 1900:  # other ISO forms, and days that no arithmetic reaches
        raise ExportError(f"{name} {word} is not a day such as 2026-10-01")
    return day


def _one_of(name: str, word: str, known: Sequence[str]) -> str:
    if word not in known:
        raise ExportError(f"there is no {name} {word}: use {', '.join(known)}")
    return word


def _filters(given: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    for name, words in given.items():
        _one_of("filter", name, FILTERS)
        for word in words:
            _one_of(name, word, _KNOWN.get(name, (word,)))
    return {name: list(words) for name, words in given.items() if words}


def _refuse_combinations(selection: Selection) -> None:
    if selection.limit < 0:
        raise ExportError(f"limit {selection.limit} must be a number of records, or 0 for all of them")
    if selection.kind != "usage" and selection.hourly:
        raise ExportError("costs are stored by day: leave out grain hour, or export usage")
    if selection.focus and (selection.kind != "costs" or selection.all_sources):
        raise ExportError("FOCUS is about costs that count: export costs, without all sources")


def _refuse_columns(selection: Selection) -> None:
    known = [column.name for column in columns_of(replace(selection, columns=()))]
    for place, name in enumerate(selection.columns):
        _one_of("column", name, known)
        if name in selection.columns[:place]:
            raise ExportError(f"column {name} is named twice")


def _position(word: str, selection: Selection) -> tuple[str, ...]:
    if selection.redact:
        raise ExportError("a redacted export can't be continued: its cursor would hold what is redacted")
    try:
        return cursor.read(word, selection)
    except ValueError:
        raise ExportError("the cursor is not one of this export: take next_cursor as it was given") from None
