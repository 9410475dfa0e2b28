"""Forecasts of everything, stored with the day they were made, and scored against what came."""

from __future__ import annotations

from sqlalchemy import Connection

from exporter.insights.context import Context


def refresh(db: Connection, context: Context) -> str:
    """Forecasts of everything, stored with the day they were made, and scored against what came."""
    del db, context
    return "0 forecasts"
