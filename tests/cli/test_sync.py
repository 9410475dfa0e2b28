"""sync and backfill, and every way they can be refused: one sentence, stored figures unchanged."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import make_url

from exporter.demo.server import ANTHROPIC_KEY, OPENAI_KEY

BOOKS = (
    "SELECT 'charges', count(*), sum(amount_usd) FROM charges"
    " UNION ALL SELECT 'usage', count(*), sum(quantity) FROM usage"
)


def test_a_summary_of_what_was_done(cli, openai, rows):
    done = cli("sync")
    assert done.exit_code == 0, done.output
    assert "inserted" in done.stdout
    assert "acme" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert rows("SELECT trigger, outcome FROM sync_runs") == [("manual", "ok")]


def test_the_others_still_run_when_one_fails(cli, openai, simulator):
    cli("accounts", "add", "anthropic", "claude", "--set", f"admin_key={ANTHROPIC_KEY}",
        "--option", f"base_url={simulator.anthropic_url}")  # fmt: skip
    simulator.revoke(OPENAI_KEY)
    done = cli("sync")
    assert done.exit_code == 1
    assert "claude" in done.stdout
    assert "acme" not in done.stdout
    assert done.stderr.startswith("Error: account acme: OpenAI does not accept the credential")
    assert len(done.stderr.splitlines()) == 1


def test_an_unknown_account_fails_and_the_known_one_runs(cli, openai):
    done = cli("sync", "acme", "nobody")
    assert done.exit_code == 1
    assert "acme" in done.stdout
    assert done.stderr == "Error: there is no account nobody; see `spend-exporter accounts list`\n"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda s: s.revoke(OPENAI_KEY), "does not accept the credential"),
        (lambda s: s.faults.chance("renamed_field", 1.0, provider="openai"), "OpenAI"),
        (lambda s: s.faults.chance("object_number", 1.0, provider="openai"), "OpenAI"),
        (lambda s: s.faults.chance("broken_json", 1.0, provider="openai"), "is not JSON"),
    ],
    ids=["bad key", "renamed field", "changed number", "broken JSON"],
)
def test_a_refusal_or_a_changed_reply_is_one_sentence_and_changes_nothing(
    cli, openai, simulator, rows, monkeypatch, spoil, said
):
    assert cli("sync").exit_code == 0
    before = rows(BOOKS)
    spoil(simulator)
    monkeypatch.setattr("exporter.providers.client.backoff", lambda *_: 0.0)
    done = cli("sync")
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: account acme: ")
    assert said in line
    assert "Traceback" not in done.output
    assert rows(BOOKS) == before


def test_a_revoked_permission_is_one_sentence_and_changes_nothing(cli, openai, simulator, rows):
    assert cli("sync").exit_code == 0
    before = rows(BOOKS)
    access = simulator._access["openai"]
    access.admin.discard(OPENAI_KEY)
    access.unscoped.add(OPENAI_KEY)
    done = cli("sync")
    assert done.exit_code == 1
    assert "denies access" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert rows(BOOKS) == before


@pytest.fixture
def deaf():
    """Something that listens, answers and is no Postgres."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer():
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            with peer:
                peer.recv(100)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    threading.Thread(target=answer, daemon=True).start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def test_a_wrong_database_url_is_one_sentence(run, database_url, deaf, monkeypatch):
    good = make_url(database_url)
    wrong = {
        "unreachable": good.set(port=1),
        "unknown host": good.set(host="nowhere.invalid"),
        "wrong password": good.set(password="wrong-word"),
        "no such database": good.set(database="nothing"),
        "not Postgres": good.set(port=deaf),
    }
    for what, url in wrong.items():
        monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
        done = run("sync")
        assert done.exit_code == 1, what
        assert done.stderr.startswith("Error: can't reach the database at "), what
        assert len(done.stderr.splitlines()) == 1, what
        assert "wrong-word" not in done.output


def test_backfill_fills_and_resumes(cli, openai, rows):
    done = cli("backfill", "--days", "2")
    assert done.exit_code == 0, done.output
    assert "acme: 100% of the history" in done.stderr
    ((short,),) = rows("SELECT min(period_start) FROM charges")
    assert cli("backfill").exit_code == 0
    ((longer,),) = rows("SELECT min(period_start) FROM charges")
    assert longer < short
    before = rows(BOOKS)
    assert cli("backfill").exit_code == 0
    assert rows(BOOKS)[0][1] >= before[0][1]
    assert rows("SELECT count(*) FROM report_state WHERE read_from > wanted_from AND missing = ''") == [(0,)]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_backfill_gives_the_lease_back(cli, openai, simulator, rows, number, code):
    simulator.faults.slow_seconds = 30
    simulator.faults.chance("slow", 1.0)
    process = subprocess.Popen(
        [sys.executable, "-m", "exporter", "backfill"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    until = time.monotonic() + 30
    while not rows("SELECT 1 FROM sync_state WHERE lease_holder IS NOT NULL"):
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == code, said
    assert "Traceback" not in said
    assert rows("SELECT 1 FROM sync_state WHERE lease_holder IS NOT NULL") == []
    simulator.faults.clear()
    assert cli("backfill").exit_code == 0
