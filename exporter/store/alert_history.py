"""The history of alerts, one row for each time one fired.

One rule: the last word counts. A message that comes twice changes nothing but how often it came.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, text

from exporter.alerts import Alert

HEARD_WITHIN = timedelta(hours=2)  # Alertmanager tells every hour of what fires (alertmanager/alertmanager.yml)


class Told(NamedTuple):
    """A row. `ends_at` None: we were not told of an end; one of a silenced alert never is."""

    fingerprint: str
    starts_at: datetime
    ends_at: datetime | None
    alertname: str
    severity: str
    level: str
    value: float | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    notified: int
    received_at: datetime

    def fires(self, now: datetime) -> bool:
        """True when it has not ended and was heard of lately."""
        return self.ends_at is None and self.received_at >= now - HEARD_WITHIN


def record(db: Connection, alerts: Sequence[Alert], now: datetime) -> None:
    """Write down one message of Alertmanager.

    Firing again after it resolved, with the same start, is what Alertmanager says of an alert that it had lost sight of
    and given up: it did not end, so the row is opened again.
    """
    if not alerts:
        return
    db.execute(
        text(
            "INSERT INTO alert_history AS h (fingerprint, starts_at, ends_at, alertname, severity, level, value,"
            " labels, annotations, notified, received_at) VALUES (:fingerprint, :starts_at, :ends_at, :alertname,"
            " :severity, :level, :value, :labels, :annotations, 1, :now)"
            " ON CONFLICT (fingerprint, starts_at) DO UPDATE SET ends_at = excluded.ends_at,"
            # A resolved alert's text may have been worked out without its figures.
            " value = CASE WHEN excluded.ends_at IS NULL THEN excluded.value ELSE h.value END,"
            " annotations = CASE WHEN excluded.ends_at IS NULL THEN excluded.annotations ELSE h.annotations END,"
            " notified = h.notified + 1, received_at = excluded.received_at"
        ),
        [_row(alert, now) for alert in alerts],
    )


def _row(alert: Alert, now: datetime) -> dict[str, object]:
    return {
        "fingerprint": alert.fingerprint,
        "starts_at": alert.starts_at,
        "ends_at": alert.ends_at,
        "alertname": alert.labels["alertname"],
        "severity": alert.labels.get("severity", ""),
        "level": alert.labels.get("level", ""),
        "value": alert.value,
        "labels": json.dumps(dict(alert.labels)),
        "annotations": json.dumps(dict(alert.annotations)),
        "now": now,
    }


def newest(db: Connection, limit: int, *, firing_at: datetime | None = None) -> list[Told]:
    """The alerts that began last, newest first; with `firing_at` only those that fire at that moment."""
    rows = db.execute(
        text(
            f"SELECT {', '.join(Told._fields)} FROM alert_history "
            " WHERE CAST(:heard AS timestamptz) IS NULL OR ends_at IS NULL AND received_at >= :heard"
            " ORDER BY starts_at DESC, fingerprint LIMIT :limit"
        ),
        {"heard": firing_at - HEARD_WITHIN if firing_at else None, "limit": limit},
    )
    return [Told(*row) for row in rows]


def forget(db: Connection, before: datetime) -> int:
    """Delete what ended or was last heard of before that moment, and say how many."""
    return db.execute(
        text("DELETE FROM alert_history WHERE coalesce(ends_at, received_at) < :before"), {"before": before}
    ).rowcount
