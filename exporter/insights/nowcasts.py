"""What today and yesterday will come to."""

from __future__ import annotations

from sqlalchemy import Connection

from exporter.insights.context import Context


def refresh(db: Connection, context: Context) -> str:
    """What today and yesterday will come to."""
    del db, context
    return "0 nowcasts"
