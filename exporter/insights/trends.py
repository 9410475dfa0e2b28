"""Where each account is heading."""

from __future__ import annotations

from sqlalchemy import Connection

from exporter.insights.context import Context


def refresh(db: Connection, context: Context) -> str:
    """Where each account is heading."""
    del db, context
    return "0 trends"
