"""What an export can show: columns over rows that SQL brings together, and how each column is written.

One rule: what a column is worth is said once, here; csv, JSON and plain text differ in writing only.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

GUARDED = "=+-@\t\r\n'"
"""A spreadsheet may take a cell that begins with one of these for a formula. The quote is among them so that a
reader that takes one leading quote away always has the text back."""

DECIMALS = 18


class Kind(StrEnum):
    """What a column holds, which decides how it is written."""

    WORD = "word"  # text of ours: never hostile
    TEXT = "text"  # text that somebody else wrote
    NUMBER = "number"  # exact
    DECIMAL = "decimal"  # the same with a decimal point, so that no reader takes a column for integers
    DATE = "date"
    TIME = "time"  # UTC
    FLAG = "flag"
    TAGS = "tags"  # a JSON object of texts


class Form(StrEnum):
    """How values are written."""

    CSV = "csv"  # text guarded against being taken for a formula
    JSON = "json"  # decimals as strings: most readers of JSON would round them
    PLAIN = "plain"  # csv without a guard, for files that know text from formulas


class Column(NamedTuple):
    """A name, an SQL expression over a row `r`, and what takes its place in a redacted export (`hidden`)."""

    name: str
    sql: str
    kind: Kind = Kind.WORD
    hidden: str = ""


def written(column: Column, form: Form, *, redact: bool) -> str:
    """The SQL that gives a column's value in that form."""
    sql = column.hidden if redact and column.hidden else column.sql
    if column.kind in (Kind.NUMBER, Kind.DECIMAL):
        # As much as the decimals of files with types hold.
        exact = f"trim_scale(round({sql}, {DECIMALS}))" if form is Form.PLAIN else f"trim_scale({sql})"
        return exact if column.kind is Kind.NUMBER else f"{exact} + 0.0"
    if column.kind is Kind.TIME:
        return f"({sql})::date || 'T' || ({sql})::time || 'Z'"  # half as dear as to_char
    if column.kind is Kind.FLAG:
        return f"CASE WHEN {sql} THEN 'true' ELSE 'false' END"
    if column.kind is Kind.TEXT and form is Form.CSV:
        # Most text begins with a letter: one comparison, and done.
        return f"CASE WHEN ascii({sql}) < 65 AND ascii({sql}) IN ({_CODES}) THEN '''' || ({sql}) ELSE {sql} END"
    return sql


def _column(name: str, kind: Kind = Kind.WORD, hidden: str = "") -> Column:
    return Column(name, f"r.{name}", kind, hidden)


def hashed(sql: str) -> str:
    """The same text has the same hash in every export, and nothing stays nothing."""
    digest = f"encode(sha256(convert_to({sql}, 'UTF8')), 'hex')"
    return f"CASE WHEN {sql} = '' THEN '' ELSE 'redacted-' || left({digest}, 12) END"


_CODES = ", ".join(str(ord(character)) for character in GUARDED)
_TAGS = f"(SELECT coalesce(jsonb_object_agg(t.key, {hashed('t.value')}), '{{}}') FROM jsonb_each_text(r.tags) t)"

_WHO = (_column("provider"), _column("account"), _column("team", Kind.TEXT), _column("category", Kind.TEXT))
_WHAT = (
    _column("source"),
    _column("report"),
    _column("meter", Kind.TEXT),
    _column("unit", Kind.TEXT),
    _column("model", Kind.TEXT),
    _column("scope", Kind.TEXT, hashed("r.scope")),
    _column("scope_name", Kind.TEXT, "''"),
)
_TIER = _column("service_tier", Kind.TEXT)
_KEYS = (_column("api_key", Kind.TEXT, hashed("r.api_key")), _TIER, _column("tags", Kind.TAGS, _TAGS))
_CONFIDENCE = _column("confidence")

COSTS = (_column("date", Kind.DATE), *_WHO, *_WHAT, _TIER, _column("amount_usd", Kind.NUMBER), _CONFIDENCE)
DAILY_USAGE = (_column("date", Kind.DATE), *_WHO, *_WHAT, _TIER, _column("quantity", Kind.NUMBER), _CONFIDENCE)
HOURLY_USAGE = (
    _column("period_start", Kind.TIME), _column("period_end", Kind.TIME), *_WHO, *_WHAT, *_KEYS,
    _column("quantity", Kind.NUMBER), _CONFIDENCE,
)  # fmt: skip
COUNTS = _column("counts", Kind.FLAG)
