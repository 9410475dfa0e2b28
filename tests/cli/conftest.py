"""The command line in this process, with an environment, a database and simulated providers of its own."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner, Result

from exporter.cli.root import app
from exporter.demo.clock import Clock
from exporter.demo.server import OPENAI_KEY, Simulator
from exporter.demo.truth import Truth

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings but a data folder, and an empty folder to be in. Whatever a command sets is undone."""
    for name in list(os.environ):
        if name.startswith(("SPEND_", "DATABASE_URL")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SPEND_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SPEND_LISTEN", "127.0.0.1:1")
    monkeypatch.setenv("SPEND_CONFIG_FILE", "gone")  # so that it is restored, whatever --config sets
    monkeypatch.delenv("SPEND_CONFIG_FILE")
    monkeypatch.setenv("SPEND_LOG_LEVEL", "info")
    monkeypatch.setenv("SPEND_BACKFILL_DAYS", "3")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(environment: Path) -> Run:
    """Run one command in this process, without a database."""
    return lambda *words, **more: CliRunner().invoke(app, [str(word) for word in words], **more)


@pytest.fixture
def cli(run: Run, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run one command in this process, with a fresh database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return run


@pytest.fixture
def rows(database_url: str) -> Callable[..., list[tuple]]:
    """Ask the database behind the program's back."""

    def ask(statement: str) -> list[tuple]:
        engine = create_engine(database_url)
        try:
            with engine.begin() as db:
                found = db.execute(text(statement))
                return [tuple(row) for row in found] if found.returns_rows else []
        finally:
            engine.dispose()

    return ask


@pytest.fixture
def truth() -> Truth:
    """What happened: little, and a few days of it."""
    return Truth(clock=Clock(), seed=7, days=4, projects=2, models=3)


@pytest.fixture
def simulator(truth: Truth) -> Iterator[Simulator]:
    """Both providers over that truth, on a thread of its own: commands run loops of theirs."""
    with simulated(truth) as running:
        yield running


class simulated:  # noqa: N801 (reads as a function)
    """A running simulator on a thread."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth

    def __enter__(self) -> Simulator:
        started: Future = Future()

        async def run() -> None:
            stop = asyncio.Event()
            async with Simulator(self.truth) as simulator:
                started.set_result((simulator, asyncio.get_running_loop(), stop))
                await stop.wait()

        self.thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        self.thread.start()
        simulator, self.loop, self.stop = started.result(20)
        return simulator

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(10)


@pytest.fixture
def openai(cli: Run, simulator: Simulator) -> str:
    """An account at the simulated OpenAI, added on the command line."""
    done = cli("accounts", "add", "openai", "acme", "--set", f"admin_key={OPENAI_KEY}",
               "--option", f"base_url={simulator.openai_url}")  # fmt: skip
    assert done.exit_code == 0, done.output
    return "acme"
