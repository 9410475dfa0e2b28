"""The shipped rules as data: what each alert needs, and whether the past can tell it.

One rule: rules are read from the very files that Prometheus loads; nothing of them is repeated here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from exporter.errors import ConfigError

_NAME = re.compile(r"(?<![\w:])[a-zA-Z_:][\w:]*")
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
# A range is no span to look over where only its last sample counts.
_RANGE = re.compile(r"(?:(last_over_time)\s*\(\s*[\w:]+\s*(?:\{[^}]*\})?)?\[([^\]:]+)[:\]]")
_PART = re.compile(r"(\d+)(ms|[smhdwy])")
_UNITS = {
    "ms": timedelta(milliseconds=1), "s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1),
    "d": timedelta(days=1), "w": timedelta(weeks=1), "y": timedelta(days=365),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of a file. `waits`: how long its expression must hold before it fires."""

    name: str
    expr: str
    alerting: bool
    waits: timedelta = timedelta(0)
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """Every word of the expression that may be a metric."""
        return frozenset(_NAME.findall(_QUOTED.sub('""', self.expr)))

    @property
    def spans(self) -> list[timedelta]:
        """What it looks back over, where it needs more than one sample."""
        found = _RANGE.findall(_QUOTED.sub('""', self.expr))
        return [duration(span) for last, span in found if not last]


def read_rules(folder: Path) -> list[Rule]:
    """All rules of a folder's `*.rules.yml` and `*.alerts.yml`.

    Raises:
        ConfigError: there are none, or a file is none of Prometheus.
    """
    files = sorted([*folder.glob("*.rules.yml"), *folder.glob("*.alerts.yml")])
    if not files:
        raise ConfigError(f"there are no rule files in {folder}: name the folder with --rules")
    try:
        return [rule for file in files for rule in _rules_of(yaml.safe_load(file.read_text(encoding="utf-8")))]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise ConfigError(f"the rules in {folder} can't be read: {error}; run promtool check rules on them") from None


def _rules_of(content: Mapping[str, Any]) -> Iterable[Rule]:
    for group in content["groups"]:
        for rule in group["rules"]:
            alerting = "alert" in rule
            waits = duration(str(rule.get("for", "0s")))
            name = rule["alert" if alerting else "record"]
            yield Rule(name, str(rule["expr"]), alerting, waits, rule.get("labels", {}))


def duration(words: str) -> timedelta:
    """`1d`, `1h30m`."""
    return sum((int(count) * _UNITS[unit] for count, unit in _PART.findall(words)), timedelta(0))


def layers(rules: Iterable[Rule]) -> list[list[Rule]]:
    """Recording rules in the order they can be worked out: each layer needs those before it only.

    Raises:
        ConfigError: they go round in a circle.
    """
    left = [rule for rule in rules if not rule.alerting]
    found: list[list[Rule]] = []
    while left:
        waiting = {rule.name for rule in left}
        layer = [rule for rule in left if not rule.names & waiting]
        if not layer:
            raise ConfigError(f"the recording rules {', '.join(sorted(waiting))} need each other")
        found.append(layer)
        left = [rule for rule in left if rule not in layer]
    return found


def below(rule: Rule, rules: Iterable[Rule]) -> list[Rule]:
    """The rule and every recording rule it rests on."""
    recorded: dict[str, list[Rule]] = {}
    for one in rules:
        if not one.alerting:
            recorded.setdefault(one.name, []).append(one)
    found, open_ = [], [rule]
    while open_:
        one = open_.pop()
        if one not in found:
            found.append(one)
            open_ += [below for name in one.names for below in recorded.get(name, ())]
    return found


def needs(rule: Rule, rules: Iterable[Rule]) -> frozenset[str]:
    """The exported metrics a rule rests on, through recording rules."""
    names = frozenset[str]().union(*(one.names for one in below(rule, rules)))
    return frozenset(name for name in names if name.startswith(("spend_", "alertmanager_")) or name in {"up", "ALERTS"})


def why_not(rule: Rule, rules: Iterable[Rule], remembered: frozenset[str], step: timedelta) -> str:
    """Why the past can't tell whether an alert fired; empty: it can."""
    missing = sorted(needs(rule, rules) - remembered)
    if missing:
        return f"the books don't remember {', '.join(missing)}"
    if any(span <= step for one in below(rule, rules) for span in one.spans):
        return "it looks at less than a day"
    return ""
