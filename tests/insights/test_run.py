"""One analysis: what fails leaves the rest alone, and what was worked out is noted."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import text

from exporter.errors import StoreError
from exporter.insights import run as module
from exporter.insights import trends
from exporter.pricing import NoList, PriceBook
from exporter.store import analysis
from exporter.store.database import Database


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, connections=1)
    yield database
    database.close()


def analysed(database: Database, books, monkeypatch, **steps) -> dict[str, str]:
    monkeypatch.setattr(module, "STEPS", steps)
    return module.run(database, books.moment(9, 12), PriceBook(NoList()))


def test_every_step_sees_the_same_panel_and_says_what_it_did(database, books, monkeypatch):
    books.costs(books.account(), books.window(0, 3), books.charge(1, 5))
    seen = []

    def step(_, context):
        seen.append(context)
        return f"{len(context.panel.series)} series"

    assert analysed(database, books, monkeypatch, one=step, two=step) == {"one": "3 series", "two": "3 series"}
    assert seen[0] is seen[1]
    assert database.call(analysis.finished_at) == books.moment(9, 12)


def test_a_step_that_fails_writes_nothing_and_holds_up_nobody(database, books, monkeypatch, caplog):
    def half(db, _):
        db.execute(text("CREATE TABLE half (done int)"))
        raise ZeroDivisionError

    done = analysed(database, books, monkeypatch, bad=half, good=lambda *_: "done")

    assert done == {"good": "done"}
    assert "could not finish its bad; the last ones stay" in caplog.text
    assert books.one("SELECT to_regclass('half')") is None
    assert database.call(analysis.finished_at) is None  # so that it is tried again


def test_without_a_database_there_is_nothing_to_go_on_with(database, books, monkeypatch):
    def gone(*_):
        raise StoreError("the database is out of reach")

    with pytest.raises(StoreError):
        analysed(database, books, monkeypatch, one=gone, two=lambda *_: "never")


def test_two_analyses_take_turns(database, books, monkeypatch):
    """Each replaces the rows of the last one; at the same time they would both add theirs."""
    books.costs(books.account(), books.window(0, 3), books.charge(1, 5))
    inside, most = [], []

    def step(db, context):
        inside.append(1)
        most.append(len(inside))
        done = trends.refresh(db, context)
        db.execute(text("SELECT pg_sleep(0.2)"))  # long enough for the other to come in, were it let
        inside.pop()
        return done

    monkeypatch.setattr(module, "STEPS", {"trends": step})
    other = Database(str(database.engine.url.render_as_string(hide_password=False)), connections=1)
    with ThreadPoolExecutor() as pool, closing(other):
        runs = [pool.submit(module.run, one, books.moment(9, 12), PriceBook(NoList())) for one in (database, other)]
        assert [run.result() for run in runs] == [{"trends": "0 trends"}] * 2
    assert most == [1, 1]
