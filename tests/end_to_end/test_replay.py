"""Alert replay on the demo's labelled incidents, with the shipped rules and a real Prometheus."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exporter.analytics.anomaly import Settings
from exporter.budgets import Budget
from exporter.demo.truth import Truth
from exporter.domain import day_of
from exporter.replay.firing import Event, score
from exporter.replay.prometheus import Programs
from exporter.replay.rules import read_rules
from exporter.replay.run import context_of, replay
from exporter.store import budgets

if TYPE_CHECKING:
    from exporter.demo.clock import Clock
    from tests.end_to_end.conftest import World

RULES = Path(__file__).parents[2] / "recording-rules"
TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"


@pytest.fixture
def truth(clock: Clock) -> Truth:
    """Long enough for a baseline before the incidents."""
    return Truth(clock=clock, days=120, projects=2, models=3, lateness=False)


def events(truth: Truth) -> list[Event]:
    since = day_of(truth.anchor) - timedelta(days=60)
    return [Event(*one) for one in sorted(set(truth.happenings())) if one[1] > since]


def sizes(world: World) -> dict[str, object]:
    names = world.runtime.database.call(lambda db: db.exec_driver_sql(TABLES).scalars().all())
    return {name: world.one(f"SELECT count(*) FROM {name}") for name in names}


@pytest.mark.timeout(600)
async def test_the_demos_incidents_are_told_and_little_else_is(world: World, truth: Truth, program) -> None:
    await world.sync(history=True)
    today = day_of(truth.anchor)
    spent = world.one("SELECT sum(amount_usd) FROM best_days WHERE day >= date_trunc('month', now()::date - 60)")
    world.runtime.database.call(budgets.add, Budget(id="tight", amount=Decimal(str(spent)) / 10))
    before = sizes(world)
    programs = Programs(program("prometheus"), program("promtool"))
    context = context_of(world.runtime.valuer.valuation.book, {}, Settings(floor=1.0), today)

    found = replay(world.runtime.database, programs, read_rules(RULES), today - timedelta(days=60), today, context)

    loud = [one for one in events(truth) if one.name in {incident.name for incident in truth.incidents}]
    assert len(loud) == 2
    assert score(found.sent["SpendAnomaly"], loud).recall == 1.0
    told = score(found.sent["SpendAnomaly"], events(truth))
    assert told.precision is not None
    assert told.precision >= 0.9
    assert told.delay_days is not None
    assert told.delay_days <= 4
    assert found.sent["SpendBudgetEmergency"]
    assert "SpendSyncFailing" in found.left_out
    assert sizes(world) == before
