"""The analysis beside a serving process: when it runs, who runs it, and what its failure costs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from exporter.app.analyst import Analyst
from exporter.app.job import Job
from exporter.budgets import Budget
from exporter.config import Config, Fx, PriceOverride, Settings, SpendFile
from exporter.store import analysis, budgets, states
from exporter.store.database import Database
from exporter.store.facts import Counts
from exporter.store.states import Run

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Asked:
    """Counts how often the publisher was asked."""

    times = 0

    async def __call__(self) -> None:
        self.times += 1


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, connections=2)
    yield database
    database.close()


@pytest.fixture
def job(database_url: str) -> Job:
    override = PriceOverride("openai", "gpt-5", "input", Decimal("1.5e-6"), valid_from=date(2026, 1, 1))
    file = SpendFile(price_overrides=(override,), fx=Fx("fixed", {"EUR": Decimal("1.1")}))
    return Job.of(Config(Settings(), file), database_url, NOW)


@pytest.fixture
def analyst(database: Database, job: Job) -> Analyst:
    return Analyst(
        database=database,
        clock=lambda: NOW,
        holder="me",
        job=lambda now: replace(job, now=now),
        published=Asked(),
    )


def synced(database: Database, books, inserted: int) -> None:
    at = books.moment(9)
    run = Run(account="acme", trigger="schedule", holder="me", started_at=at, finished_at=at, pages=1,
              counts=Counts(inserted=inserted))  # fmt: skip
    database.call(states.record_run, run)


async def test_it_runs_when_figures_changed_or_a_day_began(analyst, database, books):
    lease = books.account()
    books.costs(lease, books.window(0, 3), books.charge(1, 5))

    assert await analyst.analyse()
    assert database.call(analysis.finished_at) == NOW
    assert not await analyst.analyse()
    synced(database, books, 0)
    assert not await analyst.analyse()
    synced(database, books, 1)
    assert await analyst.analyse()
    analyst.clock = lambda: NOW + timedelta(hours=13)
    assert await analyst.analyse()
    assert analyst.published.times == 3


async def test_it_runs_hourly_and_for_a_new_budget(analyst, database):
    assert await analyst.analyse()
    analyst.clock = lambda: NOW + timedelta(minutes=59)
    assert not await analyst.analyse()
    analyst.clock = lambda: NOW + timedelta(hours=1)
    assert await analyst.analyse()
    assert not await analyst.analyse()
    analyst.clock = lambda: datetime.now(UTC)
    assert await analyst.analyse()  # another day
    database.call(budgets.add, Budget(id="b", amount=Decimal(1)))
    assert await analyst.analyse()


async def test_only_one_replica_is_at_it(analyst, database):
    assert database.call(analysis.claim, "another", now=NOW, lasts=timedelta(minutes=1))
    assert not await analyst.analyse()
    database.call(analysis.give_up, "another")
    assert await analyst.analyse()


async def test_a_replica_that_died_is_not_waited_for(analyst, database):
    assert database.call(analysis.claim, "dead", now=NOW, lasts=timedelta(seconds=-1))
    assert await analyst.analyse()


async def test_a_failure_is_told_and_tried_again(analyst, database, job, caplog, capfd):
    analyst.job = lambda now: replace(job, now=now, url="postgresql+psycopg2://nobody@127.0.0.1:1/none")

    assert not await analyst.analyse()

    assert "the analysis ended with code 1; the last findings stay" in caplog.text
    assert "nobody" not in capfd.readouterr().out
    assert analyst.published.times == 0
    assert database.call(analysis.claim, "another", now=NOW, lasts=timedelta(minutes=1))


async def test_one_that_hangs_is_ended(analyst, monkeypatch, caplog):
    monkeypatch.setattr("exporter.app.analyst.CHILD", ("sleep", "60"))
    monkeypatch.setattr("exporter.app.analyst.LONGEST", timedelta(seconds=0.2))

    assert not await analyst.analyse()
    assert "was ended" in caplog.text


def test_a_job_survives_the_pipe_and_shows_no_password(job):
    assert Job.heard(json.loads(json.dumps(job.told()))) == job
    assert job.url not in repr(job)
