"""Books with everything that is hard to export."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime

import pytest

from exporter.domain import Source
from exporter.exports import Download, prepare, request

NOW = datetime(2026, 3, 21, 9, tzinfo=UTC)
HOSTILE = [
    '=HYPERLINK("http://x","a")', "+1", "-1+1", "@SUM(A1)", "\tx", "\rx", "\nx", "'x", "''", 'a"b', "a,b;c",
    "two\r\nlines", "back\\slash", "\\.", '\\"', "emoji 🦜", "עברית مرحبا", "\x1f", '"\x1f"', "\x01\x02\x0b\x7f",
    "null", "true", "\u2028", "NaN", "<b>&",
]  # fmt: skip


@pytest.fixture
def hostile(books):
    """A charge and usage for each hostile text, a day of ordinary ones, and amounts large and small."""
    lease = books.account("acme", team="=team", name="Acme")
    charges = [books.charge(1, f"{n}.5", model=text, scope=text, meter=text) for n, text in enumerate(HOSTILE)]
    charges += [books.charge(2, "0.00004", model="small"), books.charge(2, "123456789012.345678", model="large")]
    charges += [books.charge(3, 1), books.charge(3, -2, model="credit")]
    books.costs(lease, books.window(0, 5), *charges)
    usage = [books.usage(1, 7, scope=text, api_key=text, tags=(("user_id", text), ("team", "x"))) for text in HOSTILE]
    usage += [books.usage(2, 3_000_000_000), books.usage(2, 5, hours=1, meter="requests", unit="requests")]
    books.tokens(lease, books.window(0, 5), *usage)
    return books


@pytest.fixture
def every_kind(books):
    """One charge of each kind that we have."""
    billed = books.account("acme", team="search", name="Acme AI")
    books.costs(billed, books.window(0, 3), books.charge(0, "10.5", scope="p1"), books.charge(1, -3, meter="credits"))
    priced = books.account("lab", provider="anthropic")
    books.estimates(priced, books.window(0, 2),
                    books.charge(0, "0.0123", model="claude", meter="input", scope="w1"),
                    usage=[[books.usage(0, 4100, model="claude", scope="w1"), books.usage(0, 7)]])  # fmt: skip
    seats = books.account("seats", provider="copilot", category="saas")
    books.read(
        seats, "invoice", Source.INVOICE, books.window(0, 1), charges=[[books.charge(0, 39, meter="seat", unit="")]]
    )
    books.rows("INSERT INTO names VALUES ('acme', 'scope', 'p1', 'Search') RETURNING 1")
    return books


@pytest.fixture
def made(books) -> Iterator[Callable[..., Download]]:
    """An export of March, unless asked otherwise."""
    downloads = ExitStack()

    def make(kind: str = "costs", **words: object) -> Download:
        words = {"since": "2026-03-01", "until": "2026-03-20"} | words
        return downloads.enter_context(books.run(prepare, request(kind, date(2026, 3, 21), **words), NOW))

    with downloads:
        yield make


def whole(download: Download) -> bytes:
    with download:
        found = b"".join(download.chunks())
    assert len(found) == download.size
    return found


@pytest.fixture
def bytes_of(made) -> Callable[..., bytes]:
    """The file."""
    return lambda *args, **words: whole(made(*args, **words))


@pytest.fixture
def read_csv(bytes_of) -> Callable[..., list[dict[str, str]]]:
    """The records of a csv export, by a reader that knows of the guard."""

    def read(*args: object, **words: object) -> list[dict[str, str]]:
        text = bytes_of(*args, **words).decode("utf-8-sig")
        rows = csv.DictReader(io.StringIO(text, newline=""))
        return [{name: value.removeprefix("'") for name, value in row.items()} for row in rows]

    return read
