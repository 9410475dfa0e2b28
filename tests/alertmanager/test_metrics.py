"""What dashboards and rules ask of Alertmanager's own metrics is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_metrics_that_dashboards_and_rules_name_exist(alertmanager):
    files = [*(ROOT / "dashboards" / "json").glob("*.json"), *(ROOT / "recording-rules").glob("*.yml")]
    named = {name for file in files for name in re.findall(r"alertmanager_\w+", file.read_text(encoding="utf-8"))}
    told = alertmanager({"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}).ask("/metrics")
    assert named
    assert {name for name in named if not re.search(rf"^{name}{{.*integration=", told, re.MULTILINE)} == set()
