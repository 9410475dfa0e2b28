"""What an export says of itself: when, what, how many, how much. One rule: the same object in every format."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from exporter import __version__
from exporter.exports import cursor
from exporter.exports.request import Export
from exporter.store.exports import Key, Summary, columns_of

Metadata = dict[str, Any]


def describe(export: Export, found: Summary, records: int, last: Key, now: datetime) -> Metadata:
    """`records` are those in the file; `total_records` and `totals` are of the whole selection."""
    selection = export.selection
    return {
        "generator": f"spend-exporter {__version__}",
        "generated_at": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "kind": selection.kind,
        "grain": "hour" if selection.hourly else "day",
        **({"focus_version": selection.focus} if selection.focus else {}),
        "period": {
            "from": f"{selection.since}",
            "to": f"{selection.until}",  # the first day left out
            "default": export.by_default,
        },
        "filters": {name: list(words) for name, words in selection.filters.items()},
        "all_sources": selection.all_sources,
        "redacted": selection.redact,
        "columns": [column.name for column in columns_of(selection)],
        "records": records,
        "total_records": found.records,
        "totals": {unit: f"{total:f}" for unit, total in found.totals.items()},
        "next_cursor": cursor.write(last, selection) if last else None,
        "complete": records == found.records,
    }
