"""Good JSON replies made subtly wrong.

One rule: a spoiler changes what it is named for and nothing else; amounts stay exact.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from exporter.demo.wire import Json

REQUIRED = (
    "amount",
    "input_tokens",
    "uncached_input_tokens",
    "num_requests",
    "images",
    "characters",
    "seconds",
    "usage_bytes",
    "num_sessions",
    "tokens",
    "id",
)


def spoils(kind: str, path: str, body: bytes) -> bool:
    """True when this reply has what the spoiler changes."""
    reply = json.loads(body)
    if kind == "null_cursor":
        return "next_page" in reply
    if kind == "endless":
        return "next_page" in reply and not reply["has_more"]
    if kind == "wrong_unit" and "cost" not in path:
        return False
    return next(_rows(reply), None) is not None


def spoil(kind: str, body: bytes) -> bytes:
    """The reply with one thing wrong."""
    reply = json.loads(body)
    SPOILERS[kind](reply)
    return json.dumps(reply).encode()


def _rows(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Every object that has a required field, with the field's name."""
    if isinstance(value, list):
        for item in value:
            yield from _rows(item)
    elif isinstance(value, dict):
        field = next((name for name in REQUIRED if name in value), None)
        if field:
            yield value, field
            return
        for item in value.values():
            yield from _rows(item)


def _renamed_field(reply: Json) -> None:
    for row, field in list(_rows(reply)):
        row[f"{field}_v2"] = row.pop(field)


def _object_number(reply: Json) -> None:
    for row, field in list(_rows(reply)):
        row[field] = {"value": row[field], "precision": "exact"}


def _extra_field(reply: Json) -> None:
    for row, _ in list(_rows(reply)):
        row["shiny_new_field"] = 42
    reply["shiny_new_field"] = {"answer": 42}


def _null_cursor(reply: Json) -> None:
    reply |= {"has_more": True, "next_page": None}


def _endless(reply: Json) -> None:
    reply |= {"has_more": True, "next_page": "page_endless0"}


def _wrong_unit(reply: Json) -> None:
    for row, _ in _rows(reply):
        if isinstance(row["amount"], dict):
            row["amount"]["value"] = _hundredfold(row["amount"]["value"])
        else:
            row |= {name: _hundredfold(row[name]) for name in ("amount", "list_amount") if name in row}


def _hundredfold(amount: str | float) -> str:
    return f"{Decimal(str(amount)) * 100:f}"


SPOILERS: dict[str, Callable[[Json], None]] = {
    "renamed_field": _renamed_field,
    "object_number": _object_number,
    "extra_field": _extra_field,
    "null_cursor": _null_cursor,
    "endless": _endless,
    "wrong_unit": _wrong_unit,
}
