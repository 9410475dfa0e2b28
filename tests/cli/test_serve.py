"""serve and demo as real processes: the URL, the signals, the restart."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporter.cli import demo_world
from exporter.demo.server import OPENAI_KEY
from exporter.errors import ConfigError

ROOT = Path(__file__).parents[2]
PATIENCE = 90


class Process:
    """The command in a process of its own, with what it says in files."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.out, self.err = folder / "out", folder / "err"
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with self.out.open("w") as out, self.err.open("w") as err:
            command = [sys.executable, "-m", "exporter", *words]
            self.popen = subprocess.Popen(command, stdout=out, stderr=err, env=environment, cwd=folder)

    def wait_for(self, pattern: str) -> re.Match[str]:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.popen.poll() is None:
            if found := re.search(pattern, self.out.read_text()):
                return found
            time.sleep(0.05)
        raise AssertionError(f"no {pattern}: {self.out.read_text()} {self.err.read_text()}")

    def end(self, number: int = signal.SIGTERM) -> int:
        self.popen.send_signal(number)
        return self.popen.wait(30)


@pytest.fixture
def start(environment: Path) -> Iterator[Callable[..., Process]]:
    begun: list[Process] = []

    def start(*words: str) -> Process:
        begun.append(Process(environment, *words))
        return begun[-1]

    yield start
    for one in begun:
        if one.popen.poll() is None:
            one.popen.kill()
            one.popen.wait()


def metrics(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as reply:
        return reply.read().decode()


URL = r"Serving metrics on (http://127\.0\.0\.1:\d+/metrics)"


def test_serve_beside_commands_on_the_embedded_database(run, start, simulator):
    process = start("serve", "--listen", "127.0.0.1:0")
    url = process.wait_for(URL)[1]
    assert "spend_exporter_build_info" in metrics(url)
    added = run("accounts", "add", "openai", "acme", "--set", f"admin_key={OPENAI_KEY}",
                "--option", f"base_url={simulator.openai_url}")  # fmt: skip
    assert added.exit_code == 0, added.output
    until = time.monotonic() + 15
    while not re.search(r'^spend_month_to_date_usd\{[^}]*account="acme"', metrics(url), re.MULTILINE):
        assert time.monotonic() < until, process.err.read_text()
        time.sleep(0.2)
    assert process.end() == 0
    assert "Traceback" not in process.err.read_text()


def test_serve_says_in_one_sentence_why_it_cannot(run, start, database_url, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", database_url)
    first = start("serve", "--listen", "127.0.0.1:0")
    port = re.search(r":(\d+)/", first.wait_for(URL)[1])[1]
    second = run("serve", "--listen", f"127.0.0.1:{port}")
    assert second.exit_code == 1
    assert "can't listen on 127.0.0.1" in second.stderr
    assert first.end(signal.SIGINT) == 0


def test_the_demo_from_nothing_and_again(run, environment, start):
    words = ("demo", "--data-dir", str(environment / "data"), "--listen", "127.0.0.1:0", "--months", "1")
    process = start(*words)
    url = process.wait_for(URL)[1]
    process.wait_for("promtool")
    text = metrics(url)
    for account in ("openai-demo", "anthropic-demo"):
        assert f'account="{account}"' in text
    rows = json.loads(run("accounts", "list", "--json").stdout)
    assert {row["id"] for row in rows} == {"openai-demo", "anthropic-demo"}
    urllib.request.urlopen(urllib.request.Request(url.replace("/metrics", "/-/reload"), method="POST"), timeout=10)
    assert len(json.loads(run("accounts", "list", "--json").stdout)) == 2
    until = time.monotonic() + PATIENCE
    while "All history is in." not in process.err.read_text():
        assert time.monotonic() < until, process.err.read_text()
        time.sleep(0.2)
    assert process.end() == 0
    again = start(*words)
    again.wait_for(URL)
    assert again.end(signal.SIGINT) == 0
    assert "Traceback" not in again.err.read_text()


def test_the_demo_in_a_database_that_was_named(environment, start, rows, database_url):
    file = environment / "url"
    file.write_text(database_url.replace("+psycopg2", "") + "\n")
    words = ("demo", "--data-dir", environment / "data", "--listen", "127.0.0.1:0", "--months", "1", "--database", file)
    process = start(*map(str, words))
    process.wait_for(URL)
    assert rows("SELECT id FROM accounts ORDER BY 1") == [("anthropic-demo",), ("openai-demo",)]
    assert process.end() == 0
    assert not list((environment / "data").rglob("PG_VERSION"))


def test_the_demo_refuses_a_database_with_accounts_of_yours(run, environment, books, database_url):
    books.account("yours")
    file = environment / "url"
    file.write_text(database_url.replace("+psycopg2", ""))
    done = run("demo", "--data-dir", environment / "data", "--database", file)
    assert done.exit_code == 1
    assert "has accounts that are not the demo's, such as yours" in done.stderr
    assert books.rows("SELECT id, removed_at FROM accounts") == [("yours", None)]


def test_a_folder_tells_one_story(tmp_path):
    first = demo_world.remembered(tmp_path / "d", months=6, seed=1)
    assert demo_world.remembered(tmp_path / "d", months=6, seed=1) == first
    with pytest.raises(ConfigError, match="holds a demo of 6 months with seed 1"):
        demo_world.remembered(tmp_path / "d", months=6, seed=2)


def test_a_folder_that_cannot_be_used_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="choose another --data-dir"):
        demo_world.remembered(tmp_path / "file" / "d", months=6, seed=1)
    (tmp_path / "demo.json").write_text("{}")
    with pytest.raises(ConfigError, match="is not the demo's"):
        demo_world.remembered(tmp_path, months=6, seed=1)


def test_the_demo_never_uses_a_database_of_yours(environment, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://you@yours/real")
    assert demo_world.settings(environment, days=30).database() is None
