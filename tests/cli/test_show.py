"""Colour and boxes are for terminals; logs are one line per event."""

from __future__ import annotations

import io
import json
import logging
import sys
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace

import pytest

from exporter import logs
from exporter.cli import demo_progress, show
from exporter.domain import Source


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Called in the test itself: pytest puts its own streams in place between a fixture and the test."""
    for name, value in {"TERM": "xterm-256color", "COLUMNS": "100"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)

    def begin():
        out, err = Terminal(), Terminal()
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        return SimpleNamespace(out=out, err=err)

    return begin


def test_errors_are_red_on_a_terminal_unless_no_color(terminal, monkeypatch):
    terminal = terminal()
    show.error("one\ntwo")
    assert terminal.err.getvalue() == "\033[31mError:\033[0m one\n\033[31mError:\033[0m two\n"
    monkeypatch.setenv("NO_COLOR", "1")
    show.error("three")
    assert terminal.err.getvalue().endswith("Error: three\n")


def test_a_table_has_a_box_on_a_terminal_only(terminal, monkeypatch):
    terminal = terminal()
    show.table(("a",), [("[red]x[/red]",)])
    assert "╭" in terminal.out.getvalue()
    assert "[red]x[/red]" in terminal.out.getvalue()
    monkeypatch.setattr(sys, "stdout", piped := io.StringIO())
    show.table(("name", "n"), [("word " * 30, 1)], right=("n",))
    assert "╭" not in piped.getvalue()
    assert "\033" not in piped.getvalue()
    assert max(map(len, piped.getvalue().splitlines())) <= 80


def test_json_says_days_and_moments_by_iso_8601(capsys):
    show.as_json({"day": date(2026, 3, 1), "at": datetime(2026, 3, 1, 7, tzinfo=UTC), "usd": Decimal("1.50")})
    assert json.loads(capsys.readouterr().out) == {
        "day": "2026-03-01",
        "at": "2026-03-01T07:00:00+00:00",
        "usd": "1.50",
    }


def test_no_moment_is_a_dash():
    assert show.moment(None) == "–"


def record(**more):
    return logging.makeLogRecord(
        {"name": "exporter.x", "levelno": 30, "levelname": "WARNING", "msg": "a %s", "args": ("b",), **more}
    )


def fault():
    try:
        raise ValueError("boom")
    except ValueError:
        return sys.exc_info()


def test_text_and_json_lines():
    for style in ("text", "json"):
        out = io.StringIO()
        logs.setup("info", style, out)
        logging.getLogger("exporter.x").handle(record())
        logging.getLogger("exporter.x").handle(record(exc_info=fault()))
        logging.getLogger("exporter.x").debug("hidden")
        logging.getLogger("httpx").info("GET https://x/?key=secret")
        said = out.getvalue()
        assert "secret" not in said
        assert "hidden" not in said
        if style == "json":
            first, second = map(json.loads, said.splitlines())
            assert (first["message"], first["level"], first["logger"]) == ("a b", "warning", "exporter.x")
            assert "ValueError: boom" in second["error"]
        else:
            assert said.splitlines()[0].endswith("Z WARNING exporter.x: a b")
            assert "ValueError: boom" in said


@dataclass
class Publications:
    """A publisher whose publications a test sets."""

    latest: object = None
    accounts: list = field(default_factory=list)

    def publish(self, share: float, failure: str = "", report: str = "costs") -> None:
        account = SimpleNamespace(account="a", provider="p", failure_sentence=failure)
        row = SimpleNamespace(account="a", provider="p", report=report, progress=share)
        self.latest = SimpleNamespace(accounts=[account], reports=[row])


@pytest.fixture
def runtime():
    costs = SimpleNamespace(name="costs", source=Source.COST_API)
    return SimpleNamespace(publisher=Publications(), providers={"p": SimpleNamespace(reports=[costs])})


async def test_first_figures_are_there_with_the_bill(runtime, monkeypatch, capsys):
    steps = iter([lambda: runtime.publisher.publish(0, report="usage"), lambda: runtime.publisher.publish(0)])

    async def sleep(_):
        next(steps)()

    monkeypatch.setattr(demo_progress.asyncio, "sleep", sleep)
    await demo_progress.first_figures(runtime)
    assert next(steps, None) is None


async def test_a_failure_is_said_and_not_waited_for(runtime, capsys):
    runtime.publisher.publish(0, failure="no key", report="usage")
    await demo_progress.first_figures(runtime)
    assert capsys.readouterr().err == "a: no key\n"


@pytest.mark.parametrize("watched", [True, False])
async def test_history_comes_in(runtime, monkeypatch, terminal, watched):
    terminal = terminal()
    shares = iter([0.1, 0.15, 0.6, 1.0])

    async def sleep(_):
        runtime.publisher.publish(next(shares))

    monkeypatch.setattr(demo_progress.asyncio, "sleep", sleep)
    monkeypatch.setattr(demo_progress, "lively", lambda: watched)
    await demo_progress.history(runtime)
    said = terminal.err.getvalue()
    assert said.endswith("All history is in.\n")
    if not watched:
        assert said.splitlines()[:3] == ["history: a 10%", "history: a 60%", "history: a 100%"]
    else:
        assert "history of a" in said


def test_bars_only_where_the_cursor_moves(terminal, monkeypatch):
    terminal()
    assert demo_progress.lively()
    monkeypatch.setenv("TERM", "dumb")
    assert not demo_progress.lively()
