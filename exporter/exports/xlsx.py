"""An Excel workbook: the records on one sheet, the metadata on another.

One rule: text stays text, whatever it begins with, and numbers are Excel's: doubles, 15 digits.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from io import TextIOWrapper
from typing import IO, Any

from exporter.exports.metadata import Metadata
from exporter.store.export_columns import Column, Kind

MOST_RECORDS = 1_048_575  # and a heading
LONGEST = 32_767  # characters in a cell


def build(spool: IO[bytes], columns: Sequence[Column], metadata: Metadata, file: IO[bytes]) -> None:
    """Make the workbook of plain csv lines, row by row."""
    import xlsxwriter  # type: ignore[import-untyped]  # noqa: PLC0415 (rarely asked for)

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        _records(book, columns, spool)
        _about(book, metadata)


def _records(book: Any, columns: Sequence[Column], spool: IO[bytes]) -> None:
    sheet = book.add_worksheet("Records")
    bold = book.add_format({"bold": True})
    sheet.freeze_panes(1, 0)
    for place, column in enumerate(columns):
        sheet.write_string(0, place, column.name, bold)
    writers = _writers(book, sheet)
    write = [writers.get(column.kind, _text(sheet)) for column in columns]
    csv.field_size_limit(2**31 - 1)
    lines = TextIOWrapper(spool, encoding="utf-8", newline="")
    for number, row in enumerate(csv.reader(lines), start=1):
        for place, value in enumerate(row):
            if value:
                write[place](number, place, value)
    lines.detach()


def _about(book: Any, metadata: Metadata) -> None:
    sheet = book.add_worksheet("About")
    sheet.set_column(0, 0, 20)
    for row, (name, value) in enumerate(_flat(metadata)):
        sheet.write_string(row, 0, name)
        sheet.write_string(row, 1, value)


def _flat(metadata: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in metadata.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{name} ")
        elif value is not None:
            found.append((prefix + name, ", ".join(value) if isinstance(value, list) else str(value)))
    return found


def _text(sheet: Any) -> Callable[[int, int, str], None]:
    return lambda row, place, value: sheet.write_string(row, place, value[:LONGEST])


def _writers(book: Any, sheet: Any) -> dict[Kind, Callable[[int, int, str], None]]:
    day, moment = book.add_format({"num_format": "yyyy-mm-dd"}), book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})

    def number(row: int, place: int, value: str) -> None:
        sheet.write_number(row, place, float(value))

    return {
        Kind.NUMBER: number,
        Kind.DECIMAL: number,
        Kind.FLAG: lambda row, place, value: sheet.write_boolean(row, place, value == "true"),
        Kind.DATE: lambda row, place, value: sheet.write_datetime(row, place, _moment(value), day),
        Kind.TIME: lambda row, place, value: sheet.write_datetime(row, place, _moment(value), moment),
    }


def _moment(value: str) -> datetime:
    """UTC without saying so: Excel knows no time zones."""
    return datetime.fromisoformat(value).replace(tzinfo=UTC).replace(tzinfo=None)
