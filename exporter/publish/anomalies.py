"""Open anomalies and what people said of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from exporter.metrics.snapshot import Family


def families(db: Connection, now: datetime) -> list[Family]:
    """What the last analysis found."""
    del db, now
    return []
