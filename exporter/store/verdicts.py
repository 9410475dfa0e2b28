"""What people say of anomalies, and how often each was said.

One rule: a verdict is of an incident, so it is of the one anomaly that stands for it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from exporter.domain import day_of
from exporter.errors import ConfigError
from exporter.store.anomalies import find
from exporter.store.staging import storable

VERDICTS = ("confirmed", "dismissed", "expected")
YEAR = timedelta(days=365)


def judge(db: Connection, anomaly: int, verdict: str, *, by: str, note: str, now: datetime) -> None:
    """Keep what somebody says of an anomaly, in place of what was said before.

    Raises:
        ConfigError: there is no such anomaly, or another one stands for it.
    """
    if verdict not in VERDICTS:
        raise ValueError(f"{verdict} is no verdict")
    found = find(db, anomaly, now)
    if found.part_of is not None:
        raise ConfigError(f"anomaly {anomaly} is part of anomaly {found.part_of}; say it of {found.part_of}")
    db.execute(
        text(
            "UPDATE anomalies SET verdict = :verdict, verdict_by = :by, verdict_note = :note, verdict_at = :now"
            " WHERE id = :id"
        ),
        {"id": anomaly, "verdict": verdict, "by": storable(by), "note": storable(note), "now": now},
    )


def feedback(db: Connection, now: datetime) -> dict[str, int]:
    """How many anomalies that began in the last 365 days got each verdict; '' is none yet. Empty: none was ever judged.

    Parts of others and planned changes don't count; what was withdrawn counts only if somebody had said something.
    """
    rows = db.execute(
        text(
            "SELECT v.verdict, count(n.id) FROM unnest(CAST(:verdicts AS text[])) AS v(verdict)"
            " LEFT JOIN anomalies n ON n.verdict = v.verdict AND n.part_of IS NULL AND n.planned IS NULL"
            " AND n.day >= :first AND (n.withdrawn_at IS NULL OR n.verdict <> '')"
            " WHERE EXISTS (SELECT FROM judged_accounts) GROUP BY 1"
        ),
        {"verdicts": ["", *VERDICTS], "first": day_of(now - YEAR)},
    )
    return {row[0]: row[1] for row in rows}
