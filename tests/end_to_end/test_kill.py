"""kill -9 at random moments, fifty times in a row: nothing doubled, nothing lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

HERE = Path(__file__).parent
NOW = "2026-11-18T15:30:00+00:00"
DAYS = 12
Books = dict[tuple[str, str, str], Decimal]


@pytest.fixture
def addresses() -> Iterator[dict[str, str]]:
    """The simulator in a process of its own: it survives what the exporter does not."""
    command = [sys.executable, "-m", "exporter.demo.server", "--now", NOW, "--days", str(DAYS), "--projects", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        process.terminate()


def killed(addresses: dict[str, str], folder: Path, rounds: int, environment: dict[str, str]) -> dict[str, int]:
    arguments = ["--folder", str(folder), "--now", NOW, "--days", str(DAYS + 2), "--rounds", str(rounds)]
    command = [sys.executable, str(HERE / "killed.py"), "--addresses", json.dumps(addresses), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_fifty_kills_leave_the_books_true(addresses: dict[str, str], database_url: str, tmp_path: Path) -> None:
    outcome = killed(addresses, tmp_path, 50, os.environ | {"DATABASE_URL": plain(database_url)})
    assert outcome["cut_short"] >= 30
    engine = create_engine(database_url)
    with engine.connect() as db:
        for provider, url in addresses.items():
            with urllib.request.urlopen(f"{url}/_expected") as reply:
                expected = json.load(reply)
            assert booked(db, "daily_charges", "amount_usd", provider, "costs", "cost_api") == told(expected["charges"])
            for report, amounts in expected["usage"].items():
                if report.startswith("usage/"):
                    assert booked(db, "daily_usage", "quantity", provider, report, "usage_api") == told(amounts), report
        assert net_of(db) == books_of(db)
    engine.dispose()


def booked(db, table: str, figure: str, account: str, report: str, source: str) -> Books:
    rows = db.execute(
        text(
            f"SELECT day::text, model, meter, sum({figure}) FROM {table}"
            " WHERE account_id = :account AND report = :report AND source = :source GROUP BY 1, 2, 3"
        ),
        {"account": account, "report": report, "source": source},
    )
    return {(day, model, meter): amount for day, model, meter, amount in rows}


def told(amounts: list[list[str]]) -> Books:
    return {(day, model, meter): Decimal(amount) for day, model, meter, amount in amounts}


def net_of(db) -> dict[str, Decimal]:
    rows = db.execute(text("SELECT account_id, recognized - reversed FROM ledger WHERE counter = 'usd'"))
    return dict(rows.all())


def books_of(db) -> dict[str, Decimal]:
    rows = db.execute(text("SELECT account_id, sum(amount_usd) FROM best_charges GROUP BY 1"))
    return dict(rows.all())


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg2://", "postgresql://")
