"""What both servers share: strict queries, cursors bound to a query, keys.

One rule: what the contract does not name is refused, never ignored and never clamped.
"""

from __future__ import annotations

import binascii
import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import web

Json = dict[str, object]


class Refusal(Exception):
    """A reply other than 200; each server renders it in its provider's own shape."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.kind, self.param, self.code = status, message, kind, param, code


@dataclass
class Access:
    """Which keys this organisation knows; all of them are made up."""

    admin: set[str]
    unscoped: set[str] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)

    def revoke(self, key: str) -> None:
        """The key stops working at once."""
        self.revoked.add(key)

    def restore(self, key: str) -> None:
        """Undo `revoke`."""
        self.revoked.discard(key)


@dataclass(frozen=True)
class Asked:
    """A query whose every parameter is known."""

    path: str
    singles: Mapping[str, str]
    arrays: Mapping[str, tuple[str, ...]]

    def number(self, name: str, default: int, highest: int) -> int:
        """An integer from 1 to `highest`; outside is refused."""
        value = whole(self.singles.get(name, str(default)), name)
        if not 1 <= value <= highest:
            raise Refusal(400, f"{name} must be between 1 and {highest}, not {value}.", param=name)
        return value

    def choice(self, name: str, allowed: Iterable[str], default: str) -> str:
        """One of the allowed words."""
        return chosen(self.singles.get(name, default), allowed, name)

    def grouping(self, allowed: Sequence[str]) -> tuple[str, ...]:
        """The dimensions asked for, each supported and named once."""
        dims = self.arrays.get("group_by", ())
        for dim in dims:
            chosen(dim, allowed, "group_by")
        if len(set(dims)) != len(dims):
            raise Refusal(400, "group_by names a dimension twice.", param="group_by")
        return dims

    @property
    def digest(self) -> str:
        """Everything but the cursor itself."""
        singles = sorted((name, value) for name, value in self.singles.items() if name != "page")
        text = json.dumps([self.path, singles, sorted(self.arrays.items())])
        return hashlib.blake2b(text.encode(), digest_size=9).hexdigest()

    def cursor(self, offset: int) -> str:
        """A page cursor that only this query accepts."""
        return "page_" + urlsafe_b64encode(f"{self.digest}:{offset}".encode()).decode().rstrip("=")

    def offset(self) -> int:
        """Where the asked page begins."""
        page = self.singles.get("page")
        if page is None:
            return 0
        try:
            text = page.removeprefix("page_")
            digest, _, offset = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition(":")
        except (binascii.Error, ValueError):
            digest, offset = "", ""
        if digest != self.digest or not offset.isdigit():
            raise Refusal(400, "The page cursor is not valid for this query.", param="page")
        return int(offset)


def asked(request: web.Request, singles: Iterable[str], arrays: Iterable[str], *, bare: bool) -> Asked:
    """The query, or a refusal. Arrays are ``name[]``; with `bare` a repeated ``name`` is accepted as well."""
    known, lists = set(singles), set(arrays)
    one: dict[str, str] = {}
    many: dict[str, list[str]] = {}
    for name, value in request.query.items():
        plain = name.removesuffix("[]")
        if plain in lists and (bare or name != plain):
            many.setdefault(plain, []).append(value)
        elif name in known and name not in one:
            one[name] = value
        else:
            raise Refusal(400, f"Unknown or repeated parameter: '{name}'.", param=name, code="unknown_parameter")
    return Asked(request.path, one, {name: tuple(values) for name, values in many.items()})


def whole(text: str, name: str) -> int:
    """A whole number, not negative."""
    if not text.isascii() or not text.isdigit():
        raise Refusal(400, f"{name} must be an integer, not '{text}'.", param=name)
    return int(text)


def chosen(value: str, allowed: Iterable[str], name: str) -> str:
    """`value`, if it is one of the allowed words."""
    words = sorted(allowed)
    if value not in words:
        raise Refusal(400, f"Invalid value for {name}: '{value}'. Supported values: {', '.join(words)}.", param=name)
    return value


def required(values: Mapping[str, str], name: str) -> str:
    """A parameter that has to be there."""
    if name not in values:
        raise Refusal(400, f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
    return values[name]


def listing(rows: Sequence[Json], query: Asked, after: str, limit: int) -> Json:
    """One page of names: the rows behind the id in parameter `after`."""
    ids = [str(row["id"]) for row in rows]
    begin = 0
    if cursor := query.singles.get(after):
        if cursor not in ids:
            raise Refusal(400, f"Unknown id in {after}.", param=after)
        begin = ids.index(cursor) + 1
    page = rows[begin : begin + limit]
    return {
        "data": list(page),
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": begin + limit < len(rows),
    }
