"""Reading what a provider sent: strict JSON, exact numbers, UTC times, and samples that hold no secret.

One rule: pure functions. A value that does not fit raises; `Client.reading` makes it an `UnexpectedReply`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn

from exporter.domain import Period, floor_to

Json = dict[str, Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_SAMPLE = 2_000
_LONGEST_SCRUB = 50_000  # a sample is cut from this much text, so that scrubbing a huge body stays cheap
_EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_KEY = re.compile(r"\b(?:sk|pk|ghp|gho|xai|key)-[\w-]{12,}")


def decode(body: bytes) -> Any:
    """JSON with decimals for floats. Raises `ValueError` for anything else, NaN and Infinity included."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_refuse)
    except (ArithmeticError, RecursionError) as fault:
        raise ValueError(f"{type(fault).__name__} in a number or a nesting") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without credentials and e-mail addresses, at most 2,000 characters."""
    text = text[:_LONGEST_SCRUB]
    for secret in secrets:
        text = text.replace(secret, "***")
    return _EMAIL.sub("***@***", _KEY.sub("***", text))[:LONGEST_SAMPLE]


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the body of an error reply says. Every part may be empty."""

    message: str = ""
    code: str = ""
    param: str = ""


def refusal_from(body: bytes) -> Refusal:
    """The provider's words from an error body: ``{"error": {…}}``, ``{"error": "…"}`` or ``{"message": "…"}``."""
    try:
        reply = decode(body)
    except ValueError:
        return Refusal()
    if not isinstance(reply, dict):
        return Refusal()
    error = reply.get("error", reply)
    if not isinstance(error, dict):
        return Refusal(message=str(error))
    message = error.get("message") or error.get("detail") or ""
    code = error.get("code") or error.get("type") or ""
    return Refusal(str(message), str(code), str(error.get("param") or ""))


def number(value: object) -> Decimal:
    """A JSON number or a number in a string, exactly."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise TypeError(f"{value!r} is no number")
    exact = Decimal(value)
    if not exact.is_finite() or exact.adjusted() > 30 or exact.adjusted() < -200:
        raise ValueError(f"{str(value)[:40]} is out of bounds")
    return exact


def count(value: object) -> Decimal:
    """A quantity: never negative, and null is none."""
    quantity = Decimal(0) if value is None else number(value)
    if quantity < 0:
        raise ValueError(f"{quantity} is a negative quantity")
    return quantity


def from_cents(value: object) -> Decimal:
    """Cents to whole units by moving the point: no rounding, whatever the number of digits."""
    sign, digits, exponent = number(value).as_tuple()
    return Decimal((sign, digits, int(exponent) - 2))


def text(value: object) -> str:
    """A dimension: null is the empty string, and what Postgres can't store (NUL, half a surrogate pair) goes."""
    if value is None:
        return ""
    if isinstance(value, dict | list):
        raise TypeError(f"{value!r} is no name")
    if isinstance(value, bool):
        return str(value).lower()
    plain = str(value)
    if plain.isascii() and "\0" not in plain:
        return plain
    return plain.encode("utf-8", "replace").decode().replace("\0", "")


def tags(*pairs: tuple[str, object]) -> tuple[tuple[str, str], ...]:
    """Sorted tags out of the pairs that have a value."""
    return tuple(sorted((key, text(value)) for key, value in pairs if text(value)))


def moment(value: str) -> datetime:
    """RFC 3339 with a zone, as UTC."""
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError(f"{value} has no time zone")
    return at.astimezone(UTC)


def moment_of_epoch(value: object) -> datetime:
    """Unix seconds, as UTC."""
    return EPOCH + timedelta(seconds=int(number(value)))


def epoch(at: datetime) -> str:
    """Unix seconds, for a query."""
    return str((at - EPOCH) // timedelta(seconds=1))


def bucket(start: datetime, end: datetime, width: timedelta, window: Period) -> Period:
    """The whole bucket that a reply speaks of.

    One that is still filling may be stated as shorter than it is; its full width gives it one identity for good.
    """
    whole = Period(start, start + width)
    if floor_to(start, width) != start or not start < end <= whole.end:
        raise ValueError(f"{start:%Y-%m-%d %H:%M:%S} – {end:%Y-%m-%d %H:%M:%S} is no bucket of {width}")
    if not window.covers(whole):
        raise ValueError(f"the bucket of {start:%Y-%m-%d %H:%M} lies outside the window that was asked for")
    return whole


def refuse_repeats(seen: set[Hashable], keys: Iterable[Hashable], what: str) -> None:
    """Nothing may come back on a later page: adding it up would count it twice. Remembers `keys` in `seen`."""
    fresh = set(keys)
    if repeated := fresh & seen:
        raise ValueError(f"repeats a {what} of an earlier page: {str(next(iter(repeated)))[:200]}")
    seen |= fresh


def unknown(reply: Mapping[str, object], known: frozenset[str]) -> set[str]:
    """Field names that this program does not know."""
    return set(reply.keys() - known)
