"""What every dashboard is held against: books as the demo fills them, analysed and published, in real servers.

One rule: one world for the whole session, because it takes half a minute. Nobody writes to it.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen
from uuid import uuid4

import pytest
import yaml
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from exporter.alerts import Alert
from exporter.app import opened
from exporter.budgets import Budget
from exporter.config import Config, SpendFile
from exporter.config.model import AccountPlan
from exporter.config.settings import Settings
from exporter.demo.clock import Clock
from exporter.demo.server import ANTHROPIC_KEY, OPENAI_KEY, Simulator
from exporter.demo.truth import Truth
from exporter.domain import Account
from exporter.embedded.binaries import find_binaries
from exporter.insights.run import run
from exporter.providers.client import open_client
from exporter.store import accounts, alert_history, budgets, invoices
from exporter.store.accounts import StoredAccount
from exporter.store.invoices import Invoice

NOW = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)
MESSAGES = b"""
alertmanager_notifications_total{integration="webhook"} %d
alertmanager_notifications_failed_total{integration="webhook"} 0
"""  # as an Alertmanager tells of its messages; tests/alertmanager holds a real one against these names
READER = Path(__file__).parents[2] / "grafana" / "reader.sql"
RULES = Path(__file__).parents[2] / "recording-rules"
BUDGETS = (
    Budget(id="company", name="All of it", amount=Decimal(30000)),
    Budget(id="research", amount=Decimal(6000), team="research", parent="company"),
    Budget(id="tight", amount=Decimal(500), team="platform"),
)
MANUAL = """
    INSERT INTO daily_charges (account_id, day, source, report, meter, unit, model, scope, service_tier, amount_usd)
    SELECT 'seats', d::date, 'manual', 'manual', 'seats', 'seats', '', '', '', 21.5
    FROM generate_series('2026-11-01'::date, '2026-11-18', '1 day') d;
    INSERT INTO best_days (account_id, day, source, stated, amount_usd)
    SELECT account_id, day, source, true, sum(amount_usd) FROM daily_charges WHERE source = 'manual' GROUP BY 1, 2, 3
    ON CONFLICT (account_id, day) DO UPDATE SET source = EXCLUDED.source, amount_usd = EXCLUDED.amount_usd
"""

JUDGED = """
    UPDATE anomalies SET verdict = 'confirmed', verdict_by = 'ann', verdict_at = '2026-11-18'
    WHERE id = (SELECT min(id) FROM anomalies);
    INSERT INTO planned_changes (account_id, scope, model, first_day, last_day, note, planned_by, created_at)
    VALUES ('openai', '', '', '2026-11-16', '2026-11-20', 'load test', 'ann', '2026-11-15')
"""


@pytest.fixture(scope="session")
def demo(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, bytes]]:
    """(what Grafana connects to, published text) of the demo's small world, with what people added."""
    server = create_engine(postgres, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    name = f"dashboards_{uuid4().hex[:12]}"
    url = make_url(postgres).set(database=name).render_as_string(hide_password=False)
    with server.connect() as db:
        db.execute(text(f'CREATE DATABASE "{name}"'))
        # What the queries take for today: as if people looked at the world's own day.
        db.execute(text(f"ALTER DATABASE \"{name}\" SET spend.today = '{NOW:%Y-%m-%d}'"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", url)
        published = asyncio.run(_filled(tmp_path_factory.mktemp("dashboards")))
    reads = [find_binaries() / "psql", "--quiet", "--set=ON_ERROR_STOP=1", "--set=password=looks", f"--file={READER}"]
    subprocess.run([*reads, url.replace("+psycopg2", "")], check=True, stdout=subprocess.DEVNULL)
    reader = make_url(url).set(username="spend_reader", password="looks").render_as_string(hide_password=False)
    yield reader, published
    with server.connect() as db:
        db.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))


async def _filled(folder: Path) -> bytes:
    clock = Clock(NOW)
    truth = Truth(clock=clock, days=120, projects=2, models=3)
    async with Simulator(truth) as simulator:
        with opened(_config(simulator, folder), clock=clock) as runtime:
            runtime.scheduler.open_client = partial(open_client, observe=runtime.health, now=clock, sleep=_hardly)
            for account in ("openai", "anthropic"):
                await runtime.scheduler.sync_now(account, history=True)
            await runtime.database.run(_people)
            await asyncio.to_thread(run, runtime.database, NOW, runtime.valuer.valuation.book)
            await runtime.database.run(lambda db: db.execute(text(JUDGED)))
            await runtime.publisher.publish()
            assert runtime.publisher.latest is not None
            return runtime.publisher.latest.rendered.text.identity


def _people(db) -> None:
    """What people added: budgets, an invoice for what has no report, entries by hand."""
    for account in ("seats", "hosting"):
        accounts.add(db, StoredAccount(id=account, provider="other", category="saas", team="platform"))
    for budget in BUDGETS:
        budgets.add(db, budget)
    bill = Invoice(account="hosting", month=date(2026, 10, 1), amount=Decimal(310), currency="USD", usd=Decimal(310))
    invoices.add(db, bill, "test")
    db.execute(text(MANUAL))
    for name, ended in {"resolved": NOW - timedelta(hours=5), "firing": None}.items():
        labels = {"alertname": "SpendAnomaly", "severity": "warning"}
        told = Alert(name, NOW - timedelta(hours=8), ended, labels, {"description": "It costs $12.50 more than usual."})
        alert_history.record(db, [told], NOW)


def _config(simulator: Simulator, folder: Path) -> Config:
    addresses = {"openai": (simulator.openai_url, OPENAI_KEY), "anthropic": (simulator.anthropic_url, ANTHROPIC_KEY)}
    teams = {"openai": "platform", "anthropic": "research"}
    found = tuple(
        Account(name, name, team=teams[name], options={"base_url": url, "requests_per_minute": "60000"},
                credentials={"admin_key": key})
        for name, (url, key) in addresses.items()
    )  # fmt: skip
    plans = {account.id: AccountPlan(backfill_days=122) for account in found}
    return Config(Settings(data_dir=folder), SpendFile(accounts=found, plans=plans))


async def _hardly(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.002))


@pytest.fixture(scope="session")
def prometheus(demo, program, tmp_path_factory) -> Iterator[str]:
    """The address of a Prometheus that scrapes what was published and evaluates our rules."""
    with _exposed(demo[1]) as target:
        folder = tmp_path_factory.mktemp("prometheus")
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES / "*.yml")],
            "scrape_configs": [{"job_name": "spend-exporter", "static_configs": [{"targets": [target]}]}],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        address = f"127.0.0.1:{_free_port()}"
        options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        with (folder / "log").open("w") as log:
            command = [program("prometheus"), *options, f"--web.listen-address={address}"]
            server = subprocess.Popen(command, stdout=log, stderr=log)
            try:
                _wait(address)
                yield f"http://{address}"
            finally:
                server.terminate()
                server.wait(60)


@contextmanager
def _exposed(published: bytes) -> Iterator[str]:
    scrapes = count()

    class Exporter(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(published + MESSAGES % (10 * next(scrapes)))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


READY = "level:spend_budget_reached_usd:max and on () provider:spend_exporter_provider_requests:increase1h"


def _wait(address: str, patience: float = 90) -> None:
    """Until the last of our rules has been evaluated over two scrapes, so that every record has its series."""
    end = time.monotonic() + patience
    while True:
        with suppress(OSError):
            url = f"http://{address}/api/v1/query?" + urlencode({"query": READY})
            with urlopen(url, timeout=10) as reply:
                if json.load(reply)["data"]["result"]:
                    return
        assert time.monotonic() < end, "Prometheus has no series of a budget that is over its limit"
        time.sleep(0.3)


@dataclass
class Grafana:
    """Runs a panel's queries as Grafana does, with every variable at All unless told otherwise."""

    database: Engine
    prometheus: str
    span: timedelta = timedelta(days=30)
    until: datetime = NOW

    def rows(self, sql: str, **picked: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """(columns, rows) of a query of Postgres, in a transaction that cannot write."""
        with self.database.connect() as db:
            db.exec_driver_sql("SET TRANSACTION READ ONLY")
            found = db.exec_driver_sql(self.expanded(sql, **picked).replace("%", "%%"))
            return list(found.keys()), [tuple(row) for row in found]

    def expanded(self, sql: str, **picked: str) -> str:
        """Macros and variables filled in."""
        sql = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 BETWEEN $__timeFrom() AND $__timeTo()", sql)
        moments = {"$__timeFrom()": self.until - self.span, "$__timeTo()": self.until}
        for macro, moment in moments.items():
            sql = sql.replace(macro, f"'{moment:%Y-%m-%dT%H:%M:%SZ}'")
        sql = re.sub(r"\$\{(\w+):(?:regex|raw)\}", lambda found: picked.get(found[1], ".*"), sql)
        assert not re.search(r"\$__|\$\{", sql), f"not filled in: {sql}"
        return sql

    def series(self, expr: str, **picked: str) -> list[dict[str, Any]]:
        """What Prometheus answers at this moment."""
        expr = re.sub(r"\$(\w+)", lambda found: picked.get(found[1], ".*"), expr.replace("$__range", "1h"))
        with urlopen(f"{self.prometheus}/api/v1/query?" + urlencode({"query": expr}), timeout=30) as reply:
            return list(json.load(reply)["data"]["result"])


@pytest.fixture(scope="session")
def grafana(demo, prometheus) -> Iterator[Grafana]:
    engine = create_engine(demo[0])
    yield Grafana(engine, prometheus)
    engine.dispose()
