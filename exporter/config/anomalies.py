"""The `anomalies` of the configuration file: how stored days are judged.

One rule: it takes what `exporter.analytics.anomaly.Settings` takes, and says so in the same words; a test compares.
"""

from __future__ import annotations

from collections.abc import Callable

from exporter.config.model import AnomalySettings
from exporter.config.tree import Section

ANOMALY_KEYS = ("method", "floor_usd", "sigmas", "baseline_days", "factor")
METHODS = ("robust", "zscore", "spike")


def anomalies_from(top: Section) -> AnomalySettings:
    """How days are judged; the defaults where the file says nothing."""
    entry = top.section("anomalies")
    if entry is None:
        return AnomalySettings()
    entry.expect(ANOMALY_KEYS)
    usual = AnomalySettings()
    return AnomalySettings(
        method=entry.one_of("method", METHODS) or usual.method,
        floor_usd=_number(entry, "floor_usd", usual.floor_usd, lambda floor: floor >= 0, "must be 0 or more"),
        sigmas=_number(entry, "sigmas", usual.sigmas, lambda sigmas: 1.5 <= sigmas <= 5, "must be between 1.5 and 5"),
        baseline_days=_days(entry, usual.baseline_days),
        factor=_number(entry, "factor", usual.factor, lambda factor: factor > 1, "must be more than 1"),
    )


def _number(entry: Section, name: str, usual: float, fits: Callable[[float], bool], sentence: str) -> float:
    stated = entry.number(name)
    if stated is None:
        return usual
    if not fits(float(stated)) or float(stated) == float("inf"):
        entry.wrong(name, f"{sentence}, not {stated:g}")
        return usual
    return float(stated)


def _days(entry: Section, usual: int) -> int:
    stated = entry.whole("baseline_days", least=1)
    if stated is None:
        return usual
    if not 7 <= stated <= 90:
        entry.wrong("baseline_days", f"must be 7 to 90, not {stated}")
        return usual
    return stated
