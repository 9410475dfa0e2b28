"""Open anomalies and what people said of them.

One rule: one event for each place: of several that are open there, the most severe, and of those the newest.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from exporter.metrics import catalog
from exporter.metrics.catalog import Definition
from exporter.metrics.snapshot import Family, Sample
from exporter.store import anomalies, verdicts
from exporter.store.anomalies import Anomaly

LONGEST = 300  # characters of a reason: it becomes a label and the text of an alert
SEVERITIES = ("low", "medium", "high", "critical")


def families(db: Connection, now: datetime) -> list[Family]:
    """What the last analysis found."""
    ones = _one_for_each_place(anomalies.open_ones(db, now))
    money = [one for one in ones if one.incident.kind != "requests"]
    found: list[tuple[Definition, list[Sample]]] = [
        (catalog.ANOMALY_ACTIVE, [((*_where(one), one.incident.kind, one.incident.severity), 1.0) for one in ones]),
        (catalog.ANOMALY_SCORE, [(_where(one), one.incident.score) for one in ones]),
        (catalog.ANOMALY_EXCESS_USD, [(_where(one), one.incident.excess) for one in money]),
        (catalog.ANOMALY_EXPECTED_USD, [(_where(one), one.incident.expected) for one in money]),
        (catalog.ANOMALY_INFO, [((*_where(one), *_told(one)), 1.0) for one in ones]),
        *_feedback(verdicts.feedback(db, now)),
    ]
    return [Family(definition, samples) for definition, samples in found if samples]


def _one_for_each_place(ones: Iterable[Anomaly]) -> list[Anomaly]:
    ranked = sorted(ones, key=lambda one: (SEVERITIES.index(one.incident.severity), one.incident.day, one.id))
    return list({_where(one): one for one in ranked}.values())


def _where(one: Anomaly) -> tuple[str, ...]:
    subject = one.subject
    return subject.provider, subject.account, subject.scope, subject.model


def _told(one: Anomaly) -> tuple[str, ...]:
    why = one.incident.explanation
    return str(one.id), one.incident.day.isoformat(), why if len(why) <= LONGEST else f"{why[: LONGEST - 1]}…"


def _feedback(counts: dict[str, int]) -> list[tuple[Definition, list[Sample]]]:
    if not counts:
        return []
    said: list[Sample] = [((verdict or "open",), float(count)) for verdict, count in sorted(counts.items())]
    judged = sum(count for verdict, count in counts.items() if verdict)
    precision: list[Sample] = [((), counts["confirmed"] / judged)] if judged else []
    return [(catalog.ANOMALY_FEEDBACK, said), (catalog.ANOMALY_PRECISION_RATIO, precision)]
