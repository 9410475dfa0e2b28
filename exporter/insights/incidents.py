"""Which anomalies are one incident, and which were announced. Pure.

One rule: an incident has one event. Of an account and its scopes and models that is the account's; of the total and an
account the account's, which says more. What began first and is most of it stays: no alarm rings twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from exporter.analytics.anomaly import Severity
from exporter.store.anomalies import Incident, Key
from exporter.store.planned import PlannedChange

NEAR = timedelta(days=1)
MOST = 0.5  # of the money
_RANK = {"account": 0, "scope": 1, "model": 2}


def parents(incidents: Iterable[Incident]) -> dict[Key, Key]:
    """What stands for each incident that does not stand for itself. Rises of requests stand for themselves."""
    by_account: dict[str, list[Incident]] = defaultdict(list)
    for one in incidents:
        if one.kind != "requests":
            by_account[one.account].append(one)
    totals = by_account.pop("", [])
    found: dict[Key, Key] = {}
    for ones in by_account.values():
        _within_account(ones, found)
    accounts = [one for ones in by_account.values() for one in ones if one.level == "account"]
    for one in totals:
        if near := [other for other in accounts if _together(one, other)]:
            found[one.key] = max(near, key=lambda other: abs(other.excess)).key
    return {key: _root(key, found) for key in found}


def raised(incidents: Sequence[Incident], parent: Mapping[Key, Key]) -> list[Incident]:
    """What would have been told by itself must not fall silent as a part: a low incident is raised to medium then."""
    loud = {parent[one.key] for one in incidents if one.key in parent and one.severity != Severity.LOW}
    return [
        replace(one, severity=graver(one.severity, Severity.MEDIUM.value)) if one.key in loud else one
        for one in incidents
    ]


def graver(one: str, other: str) -> str:
    """The graver of two severities."""
    return max(one, other, key=[grade.value for grade in Severity].index)


def _within_account(incidents: Sequence[Incident], found: dict[Key, Key]) -> None:
    ranked = sorted(incidents, key=lambda one: (_RANK[one.level], one.day))
    for place, one in enumerate(ranked):
        above = [other for other in ranked[:place] if other.level != one.level and _together(one, other)]
        if not above:
            continue
        other = min(above, key=lambda other: (_RANK[other.level], abs(other.day - one.day)))
        first_and_most = one.day < other.day and abs(one.excess) >= MOST * abs(other.excess)
        if first_and_most and other.key not in found:
            found[other.key] = one.key
        else:
            found[one.key] = other.key


def _together(one: Incident, other: Incident) -> bool:
    same_way = (one.excess > 0) == (other.excess > 0)
    return same_way and one.day <= other.until + NEAR and other.day <= one.until + NEAR


def _root(key: Key, found: Mapping[Key, Key]) -> Key:
    while key in found:
        key = found[key]
    return key


def plan_for(incident: Incident, plans: Iterable[PlannedChange]) -> int | None:
    """The planned change that covers an incident: one of what was announced, or made mostly by it."""
    for plan in plans:
        if plan.first_day <= incident.day <= plan.last_day and (_names(plan, incident) or _makes(plan, incident)):
            return plan.id
    return None


def _names(plan: PlannedChange, incident: Incident) -> bool:
    wanted = ((plan.scope, incident.scope), (plan.model, incident.model))
    return plan.account == incident.account and all(not name or name == value for name, value in wanted)


def _makes(plan: PlannedChange, incident: Incident) -> bool:
    """By the top contributors. Those of the total are accounts and models: nothing is known of their scopes."""
    if incident.account and incident.account != plan.account:
        return False
    scope = plan.scope if incident.account else plan.account
    if not incident.account and plan.scope:
        return False
    contributors = incident.parts.get("contributors", ())
    made = sum(
        one["change"]
        for one in contributors
        if (not scope or one["scope"] == scope) and (not plan.model or one["model"] == plan.model)
    )
    return bool(made / incident.excess >= MOST) if incident.excess else False
