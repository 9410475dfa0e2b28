"""What could cost less, with evidence."""

from __future__ import annotations

from sqlalchemy import Connection

from exporter.insights.context import Context


def refresh(db: Connection, context: Context) -> str:
    """What could cost less, with evidence."""
    del db, context
    return "0 savings"
