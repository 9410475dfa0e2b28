"""Rows on their way into Postgres, as COPY text in a spool. One rule: memory stays flat however many rows come.

Fetching a window can take minutes, so no transaction is open meanwhile: pages are written here as they arrive,
and only a complete reading is copied into a temporary table and compared with what is stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import IO

from exporter.domain import Charge, Dimensions, Period, Source, Usage, identity

IN_MEMORY = 256 * 1024  # of each spool; more of it goes to the disk's cache
PORTION = 1_000

_SPECIAL = re.compile(r"[\\\t\n\r\0]")
_NO_NUL = "\N{REPLACEMENT CHARACTER}"  # Postgres stores no NUL
_ESCAPES = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r", "\0": _NO_NUL}

ToUsd = Callable[[Charge], Decimal]
"""The dollars a charge is worth, by the rate of its day. Raises `NeedsAttention` without a rate."""


@dataclass(slots=True)
class Spool:
    """COPY text for one table."""

    file: IO[bytes]
    rows: int = 0

    @classmethod
    def new(cls) -> Spool:
        return cls(SpooledTemporaryFile(max_size=IN_MEMORY))

    def write(self, lines: Iterable[str]) -> None:
        """In portions: a page can be a hundred thousand rows, and its text stands beside it in memory."""
        lines = iter(lines)
        while portion := list(islice(lines, PORTION)):
            self.file.write("".join(portion).encode(errors="replace"))
            self.rows += len(portion)

    def rewound(self) -> IO[bytes]:
        self.file.seek(0)
        return self.file


class Stage:
    """One reading of one report over one window, page by page."""

    def __init__(self, report: str) -> None:
        self.report = report
        self.pages = 0
        self.usage = Spool.new()
        self.charges = Spool.new()

    def next_page(self) -> None:
        """Rows that follow came in a new reply: the same identity on two pages is a repeated page."""
        self.pages += 1

    def add_usage(self, rows: Iterable[Usage], source: Source) -> None:
        page = self.pages
        report = self.report
        self.usage.write(
            f"{_period(row.period)}\t{_dimensions(report, source, row.dimensions, '')}\t{row.quantity}\t{page}\n"
            for row in rows
        )

    def add_charges(self, rows: Iterable[Charge], source: Source, usd: ToUsd) -> None:
        page = self.pages
        report = self.report
        self.charges.write(
            f"{_period(row.period)}\t{_dimensions(report, source, row.dimensions, row.currency)}"
            f"\t{row.amount}\t{row.currency}\t{usd(row)}\t{page}\n"
            for row in rows
        )

    def close(self) -> None:
        """Free the disk space. The stage can't be used afterwards."""
        self.usage.file.close()
        self.charges.file.close()


@lru_cache(maxsize=4096)
def _period(period: Period) -> str:
    return f"{period.start.isoformat()}\t{period.end.isoformat()}"


@lru_cache(maxsize=16_384)  # a reading repeats its dimensions hour after hour
def _dimensions(report: str, source: Source, dimensions: Dimensions, currency: str) -> str:
    d = dimensions
    # Before the dump, not after: a backslash followed by "u0000" is text of the provider's, and stays.
    texts_of_tags = {storable(key): storable(value) for key, value in d.tags}
    tags = json.dumps(texts_of_tags, ensure_ascii=False, sort_keys=True)
    texts = (report, d.meter, d.unit, d.model, d.scope, d.api_key, d.service_tier, tags)
    return "\t".join((source.value, identity(report, dimensions, currency), *map(_escaped, texts)))


def storable(text: str) -> str:
    """`text` as Postgres can keep it: without NUL and lone surrogates."""
    return text.replace("\0", _NO_NUL).encode(errors="replace").decode()


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda match: _ESCAPES[match.group()], text)
