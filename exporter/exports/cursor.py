"""Where an export goes on. One rule: a cursor is a place in the order of rows, so it is good for ever.

It holds the last row's key, readable by whoever decodes it: a redacted export has none.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import date, datetime
from uuid import UUID

from exporter.store.exports import Key, Selection, key_of


def write(key: Key, selection: Selection) -> str:
    """The key as a word for addresses and command lines."""
    return urlsafe_b64encode(json.dumps([_what(selection), *key]).encode()).decode().rstrip("=")


def read(word: str, selection: Selection) -> Key:
    """The key in a word that `write` made.

    Raises:
        ValueError: it is not one, or one of another kind of export.
    """
    decoded, names = json.loads(urlsafe_b64decode(word + "=" * (-len(word) % 4))), key_of(selection)
    if not isinstance(decoded, list) or len(decoded) != 1 + len(names):
        raise ValueError(word)
    what, *key = decoded
    if what != _what(selection) or not all(isinstance(value, str) for value in key):
        raise ValueError(word)
    for name, value in zip(names, key, strict=True):
        _check(name, value)
    return tuple(key)


def _check(name: str, value: str) -> None:
    """Postgres would refuse what is none of these, and a NUL anywhere."""
    if "\0" in value:
        raise ValueError(value)
    if name == "date":
        date.fromisoformat(value)
    elif name.startswith("period_"):
        datetime.fromisoformat(value)
    elif name == "identity":
        UUID(value)


def _what(selection: Selection) -> str:
    return f"{selection.kind}/{'hour' if selection.hourly else 'day'}"
