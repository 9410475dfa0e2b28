"""What Alertmanager tells of alerts, read from its webhook's JSON (version 4).

One rule: a message is taken as a whole or refused with one sentence that says what is wrong with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from exporter.errors import SpendError

VERSION = "4"
_FRACTION = re.compile(r"\.(\d{1,6})\d*")  # Alertmanager writes nanoseconds
_AMOUNT = re.compile(r"\$(-?[\d,]*\.?\d+)")


class NotUnderstood(SpendError):
    """The message is not one of Alertmanager's; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as of one message. `ends_at` is None while it fires."""

    fingerprint: str  # of its labels, by Alertmanager
    starts_at: datetime
    ends_at: datetime | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def value(self) -> float | None:
        """The figure that the alert is about: its annotation `value`, else the first amount of its description."""
        found = _AMOUNT.search(self.annotations.get("description", ""))
        stated = self.annotations.get("value") or (found.group(1).replace(",", "") if found else "")
        try:
            return float(stated)
        except ValueError:
            return None


def read_webhook(body: bytes) -> list[Alert]:
    """The alerts of one message.

    Raises:
        NotUnderstood: with the sentence to answer.
    """
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        raise NotUnderstood("the body is not JSON") from None
    if not isinstance(message, dict) or message.get("version") != VERSION:
        raise NotUnderstood(f"this is not a webhook message of Alertmanager, version {VERSION}")
    alerts = message.get("alerts")
    if not isinstance(alerts, list):
        raise NotUnderstood("alerts must be a list")
    return [_alert(alert, f"alerts[{number}]") for number, alert in enumerate(alerts)]


def _alert(alert: object, where: str) -> Alert:
    if not isinstance(alert, dict):
        raise NotUnderstood(f"{where} must be an object")
    status, fingerprint = alert.get("status"), alert.get("fingerprint")
    if status not in ("firing", "resolved"):
        raise NotUnderstood(f"{where}.status must be firing or resolved")
    if not isinstance(fingerprint, str) or not re.fullmatch("[0-9a-f]{1,64}", fingerprint):
        raise NotUnderstood(f"{where}.fingerprint must be hexadecimal")
    labels = _texts(alert.get("labels"), f"{where}.labels")
    if not labels.get("alertname"):
        raise NotUnderstood(f"{where}.labels has no alertname")
    return Alert(
        fingerprint=fingerprint,
        starts_at=_moment(alert.get("startsAt"), f"{where}.startsAt"),
        # While it fires this is when Alertmanager would give it up, or the year 1.
        ends_at=_moment(alert.get("endsAt"), f"{where}.endsAt") if status == "resolved" else None,
        labels=labels,
        annotations=_texts(alert.get("annotations", {}), f"{where}.annotations"),
    )


def _texts(value: object, where: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise NotUnderstood(f"{where} must be an object of texts")
    if not all(_is_text(part) for pair in value.items() for part in pair):
        raise NotUnderstood(f"{where} has a zero byte or half a character, which no database stores")
    return value


def _is_text(part: str) -> bool:
    try:
        return b"\0" not in part.encode()
    except UnicodeEncodeError:
        return False


def _moment(value: object, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(_FRACTION.sub(r".\1", str(value)))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise NotUnderstood(f"{where} must be a time such as 2026-01-31T06:00:00Z")
    return moment
