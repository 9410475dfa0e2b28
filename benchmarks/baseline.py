"""What one would write without windows, roll-ups and a ledger: the usual ways to get rows into Postgres.

One rule: the same columns and the same unique key as ours, on the same server, and only changed rows are rewritten.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, MetaData, Table, text
from sqlalchemy.dialects.postgresql import insert

from benchmarks.rows import Pages
from exporter.domain import Dimensions, Usage, identity

ACCOUNT, REPORT, SOURCE = "acme", "usage/completions", "usage_api"
COLUMNS = (
    "account_id, period_start, period_end, source, identity, report, meter, unit, model, scope, api_key,"
    " service_tier, tags, quantity"
)
KEY = ("account_id", "period_start", "period_end", "source", "identity")
BATCH = 1_000


def create(db: Connection) -> None:
    """A plain table beside ours."""
    db.execute(text("CREATE TABLE plain_usage (LIKE usage INCLUDING ALL)"))


def copy_and_upsert(db: Connection, pages: Pages) -> None:
    """COPY into a temporary table, then one INSERT … ON CONFLICT DO UPDATE WHERE IS DISTINCT FROM."""
    db.execute(text("CREATE TEMP TABLE staged_plain (LIKE plain_usage) ON COMMIT DROP"))
    cursor: Any = db.connection.cursor()
    with cursor:
        cursor.copy_expert(f"COPY staged_plain ({COLUMNS}) FROM STDIN", _Lines(pages))
    db.execute(
        text(
            f"INSERT INTO plain_usage ({COLUMNS}) SELECT {COLUMNS} FROM staged_plain"
            f" ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET quantity = excluded.quantity"
            " WHERE plain_usage.quantity IS DISTINCT FROM excluded.quantity"
        )
    )


def executemany(db: Connection, pages: Pages) -> None:
    """SQLAlchemy Core's upsert as it is usually written: a list of dictionaries, a thousand at a time."""
    table = Table("plain_usage", MetaData(), autoload_with=db)
    upsert = insert(table)
    upsert = upsert.on_conflict_do_update(index_elements=KEY, set_={"quantity": upsert.excluded.quantity})
    for page in pages:
        values = [_values(row) for row in page]
        for first in range(0, len(values), BATCH):
            db.execute(upsert, values[first : first + BATCH])


class _Lines(io.RawIOBase):
    """Pages as the file that COPY reads: formatted one page at a time, nothing kept."""

    def __init__(self, pages: Pages) -> None:
        self._blocks: Iterator[bytes] = ("".join(map(_line, page)).encode() for page in pages)
        self._left = b""

    def read(self, size: int = -1) -> bytes:
        self._left = self._left or next(self._blocks, b"")
        taken, self._left = self._left[:size], self._left[size:]
        return taken


def _line(row: Usage) -> str:
    period = row.period
    return (
        f"{ACCOUNT}\t{period.start.isoformat()}\t{period.end.isoformat()}\t{_texts(row.dimensions)}\t{row.quantity}\n"
    )


_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


@lru_cache(maxsize=65_536)
def _texts(d: Dimensions) -> str:
    tags = json.dumps(dict(d.tags))
    texts = (SOURCE, identity(REPORT, d), REPORT, d.meter, d.unit, d.model, d.scope, d.api_key, d.service_tier, tags)
    return "\t".join(text.translate(_ESCAPES) for text in texts)


def _values(row: Usage) -> dict[str, Any]:
    d = row.dimensions
    return {
        "account_id": ACCOUNT,
        "period_start": row.period.start,
        "period_end": row.period.end,
        "source": SOURCE,
        "identity": identity(REPORT, d),
        "report": REPORT,
        "meter": d.meter,
        "unit": d.unit,
        "model": d.model,
        "scope": d.scope,
        "api_key": d.api_key,
        "service_tier": d.service_tier,
        "tags": dict(d.tags),
        "quantity": row.quantity,
    }
