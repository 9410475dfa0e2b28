"""The section `anomalies` of the file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.analytics.anomaly import Method, Settings
from exporter.app.analysis import sensitivity
from exporter.app.job import Job
from exporter.config import AnomalySettings, load
from exporter.config.anomalies import METHODS, anomalies_from
from exporter.config.tree import parsed
from exporter.errors import ConfigError
from exporter.insights.context import ANOMALIES


def loaded(text: str) -> AnomalySettings:
    top = parsed(text, "spend.yaml")
    assert top is not None
    found = anomalies_from(top)
    top.mistakes.raise_any()
    return found


def test_without_the_section_the_defaults_are_those_of_the_analysis(tmp_path: Path):
    (tmp_path / "spend.yaml").write_text("accounts: []\n")
    found = load(tmp_path / "spend.yaml", {}, {}).anomalies
    assert found == AnomalySettings() == loaded("anomalies:\n")
    assert sensitivity(found) == ANOMALIES


def test_everything_it_may_say_reaches_the_analysis(tmp_path: Path):
    text = "anomalies: {method: zscore, floor_usd: 2.5, sigmas: 4, baseline_days: 60, factor: 3}\n"
    (tmp_path / "spend.yaml").write_text(text)
    stated = load(tmp_path / "spend.yaml", {}, {}).anomalies
    job = Job("postgresql://", datetime(2026, 1, 1, tzinfo=UTC), "info", "text", {}, (), stated)
    heard = Job.heard(json.loads(json.dumps(job.told())))
    assert heard == job
    assert sensitivity(heard.anomalies) == Settings(Method.ZSCORE, 2.5, 4.0, 60, 3.0)


def test_every_method_is_one_of_the_analysis():
    assert set(METHODS) == set(Method)


@given(floor=st.floats(-1, 1e6), sigmas=st.floats(1, 6), days=st.integers(1, 120), factor=st.floats(0, 4))
def test_it_refuses_what_the_analysis_would_refuse(floor: float, sigmas: float, days: int, factor: float):
    text = f"anomalies: {{floor_usd: {floor!r}, sigmas: {sigmas!r}, baseline_days: {days}, factor: {factor!r}}}\n"
    try:
        wanted = Settings(floor=floor, sigmas=sigmas, baseline_days=days, factor=factor)
    except ValueError:
        with pytest.raises(ConfigError):
            loaded(text)
    else:
        assert sensitivity(loaded(text)) == wanted
