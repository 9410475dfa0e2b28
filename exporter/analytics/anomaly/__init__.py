"""Anomalies of daily cost: many series in, incidents out. Pure: no clock, no I/O."""

from exporter.analytics.anomaly.detect import find_anomalies, severity_of
from exporter.analytics.anomaly.events import Anomaly, Days, Kind, Method, Settings, Severity

__all__ = ["Anomaly", "Days", "Kind", "Method", "Settings", "Severity", "find_anomalies", "severity_of"]
