"""What a replay reads in rule files: what rests on what, and what the past can't tell."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from exporter.errors import ConfigError
from exporter.replay.rules import Rule, duration, layers, needs, read_rules, why_not

DAY = timedelta(days=1)
RAW = Rule("a:x:max", 'max without (instance) (last_over_time(spend_x{level="spend_no"}[10m]))', alerting=False)
RATIO = Rule("a:x:ratio", "a:x:max / spend_limit", alerting=False)
ALERT = Rule("High", "a:x:ratio > 0.9", alerting=True)
ALL = [RATIO, RAW, ALERT]


def test_what_a_rule_rests_on_goes_through_recordings_and_leaves_texts_out():
    assert needs(ALERT, ALL) == {"spend_x", "spend_limit"}


def test_layers_stand_on_each_other():
    assert layers(ALL) == [[RAW], [RATIO]]
    with pytest.raises(ConfigError, match="need each other"):
        layers([Rule("a", "b", alerting=False), Rule("b", "a", alerting=False)])


def test_why_an_alert_can_not_be_replayed():
    assert why_not(ALERT, ALL, frozenset({"spend_x", "spend_limit"}), DAY) == ""
    assert why_not(ALERT, ALL, frozenset({"spend_x"}), DAY) == "the books don't remember spend_limit"
    quick = Rule("Quick", "increase(spend_x[1h]) > 0", alerting=True)
    assert why_not(quick, ALL, frozenset({"spend_x"}), DAY) == "it looks at less than a day"
    slow = Rule("Slow", "increase(spend_x[3d]) > 0", alerting=True)
    assert why_not(slow, ALL, frozenset({"spend_x"}), DAY) == ""


@pytest.mark.parametrize(("words", "length"), [("90s", 90), ("1h30m", 5400), ("2d", 172_800), ("1w", 604_800)])
def test_durations(words, length):
    assert duration(words) == timedelta(seconds=length)


def test_files_are_read_as_prometheus_reads_them(tmp_path: Path):
    (tmp_path / "a.rules.yml").write_text("groups: [{name: g, rules: [{record: 'a:x:max', expr: spend_x}]}]")
    (tmp_path / "b.alerts.yml").write_text(
        "groups: [{name: h, rules: [{alert: High, expr: 'a:x:max > 1', for: 2d, labels: {severity: info}}]}]"
    )
    found = read_rules(tmp_path)

    assert found == [
        Rule("a:x:max", "spend_x", alerting=False),
        Rule("High", "a:x:max > 1", alerting=True, waits=2 * DAY, labels={"severity": "info"}),
    ]


@pytest.mark.parametrize("text", ["groups: 3", "[", "groups: [{rules: [{expr: a}]}]"])
def test_what_is_no_rule_file_is_said(tmp_path: Path, text):
    (tmp_path / "a.rules.yml").write_text(text)
    with pytest.raises(ConfigError, match="promtool check rules"):
        read_rules(tmp_path)


def test_a_folder_without_rules_is_said(tmp_path: Path):
    with pytest.raises(ConfigError, match="no rule files"):
        read_rules(tmp_path)


def test_the_shipped_rules_can_be_put_in_layers():
    assert layers(read_rules(Path(__file__).parents[2] / "recording-rules"))
