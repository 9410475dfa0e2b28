"""`backfill prometheus`: a real Prometheus takes stored history in and answers for last year."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parsed
from prometheus_client.parser import text_string_to_metric_families as scraped

from exporter.domain import Source
from exporter.metrics.health import Health
from exporter.publish import Publisher
from exporter.store.database import Database

DAILY = "sum by (provider, model) (last_over_time(spend_today_usd[1d]))"


@pytest.fixture
def year(books):
    """Sixteen months from March 2025 on: two accounts, two models, changing days, a gap and a credit."""
    books.start = datetime(2025, 3, 1, tzinfo=UTC)
    acme, claude = books.account(), books.account("claude", provider="anthropic", team="research")
    every = range(480)
    books.costs(
        acme, books.window(0, 480),
        *(books.charge(day, f"{day % 31}.25", model="gpt-5", scope="p") for day in every if day % 50),
        *(books.charge(day, "-3.5", model="gpt-5-mini") for day in every[::7]),
    )  # fmt: skip
    books.costs(claude, books.window(0, 480), *(books.charge(day, "0.1", model='a "quoted" one') for day in every))
    tokens = [books.usage(day, 10**12 + day, model="gpt-5") for day in range(400, 430)]
    priced = [books.charge(day, "1.5", model="gpt-5", meter="input") for day in range(400, 430)]
    books.tokens(acme, books.window(400, 430), *tokens, charges=[priced], money=Source.PRICED_USAGE)
    requests = [books.usage(day, 7, meter="requests", unit="requests", model="gpt-5") for day in range(400, 430)]
    books.read(acme, "requests", Source.USAGE_API, books.window(400, 430), usage=[requests])
    return books


def documented() -> list[str]:
    """The families that docs/existing-stack.md lists."""
    page = (Path(__file__).parents[2] / "docs" / "existing-stack.md").read_text()
    table = page[page.index("One sample a day") : page.index("**How to ask.**")].partition("\n\nThere are no")[0]
    return re.findall(r"`(spend_\w+)`", table)


def ended(midnight: float) -> date:
    """The day that a midnight ends."""
    return datetime.fromtimestamp(midnight, UTC).date() - timedelta(days=1)


def samples(file: Path) -> dict[tuple[str, tuple[tuple[str, str], ...]], dict[float, float]]:
    found: dict = {}
    for family in parsed(file.read_text()):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            found.setdefault(key, {})[float(sample.timestamp)] = sample.value
    return found


@pytest.mark.parametrize("day", [date(2025, 3, 1), date(2026, 2, 28), date(2026, 4, 20), date(2026, 5, 1)])
async def test_a_past_day_says_what_metrics_said_at_its_last_minute(cli, year, database_url, tmp_path, day):
    done = cli("backfill", "prometheus", "--out", tmp_path / "om")
    assert done.exit_code == 0, done.output
    last_minute = datetime.combine(day, datetime.max.time(), UTC).replace(second=0, microsecond=0)
    database = Database(database_url)
    publisher = Publisher(database=database, health=Health(), clock=lambda: last_minute, priced=[])
    await publisher.publish()
    database.close()
    live = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in scraped(publisher.latest.rendered.text.identity.decode())
        for sample in family.samples
    }
    told = {
        key: values[last_minute.timestamp()]
        for key, values in samples(tmp_path / "om" / f"spend-{day:%Y-%m}.om").items()
        if last_minute.timestamp() in values
    }
    assert {name for name, _ in told} <= set(documented())
    assert {key: live.get(key) for key in told} == told
    assert {key for key in live if key[0] in {name for name, _ in told}} == set(told)


def test_a_real_prometheus_answers_for_last_year(cli, year, program, tmp_path):
    done = cli("backfill", "prometheus", "--out", tmp_path / "om")
    assert done.exit_code == 0, done.output
    assert "one a day from 2025-03-01 to " in done.stdout
    data = tmp_path / "data"
    take_in = next(line for line in done.stdout.splitlines() if "promtool" in line).replace("DATA", str(data))
    subprocess.run(
        ["sh", "-c", take_in.replace("promtool", program("promtool"))], check=True, stdout=subprocess.DEVNULL
    )
    with prometheus(program("prometheus"), data, tmp_path) as ask:
        found = ask("query_range", query=DAILY, start="2025-03-02T00:00:00Z", end="2026-06-24T00:00:00Z", step="1d")
        told = {
            (one["metric"]["provider"], one["metric"]["model"], ended(at)): float(value)
            for one in found
            for at, value in one["values"]
        }
        booked = year.rows("SELECT provider, model, day, sum(amount_usd)::float8 FROM best_charges GROUP BY 1, 2, 3")
        assert told == pytest.approx({tuple(row[:3]): row[3] for row in booked})
        [whole] = ask("query", query=f"sum(sum_over_time(({DAILY})[365d:1d]))", time="2026-03-01T00:00:00Z")
        first_year = "SELECT sum(amount_usd)::float8 FROM best_charges WHERE day < '2026-03-01'"
        assert float(whole["value"][1]) == pytest.approx(year.one(first_year))
        [month] = ask("query", query="sum(last_over_time(spend_month_to_date_usd[1d]))", time="2026-03-01T00:00:00Z")
        february = "SELECT sum(amount_usd)::float8 FROM best_charges WHERE day BETWEEN '2026-02-01' AND '2026-02-28'"
        assert float(month["value"][1]) == pytest.approx(year.one(february))
        assert set(ask("label/__name__/values")) == set(documented())
        [tokens] = ask("query", query="sum(last_over_time(spend_tokens_today[1d]))", time="2026-04-21T00:00:00Z")
        assert float(tokens["value"][1]) == 10**12 + 415


class prometheus:  # noqa: N801 (reads as a function)
    """One over a folder of blocks, scraping nothing. As a block, it hands out `ask(path, **parameters)`."""

    def __init__(self, command: str, data: Path, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        (folder / "prometheus.yml").write_text("global: {}\n")
        options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={data}"]
        self.command = [command, *options, "--storage.tsdb.retention.time=10y", f"--web.listen-address={self.address}"]
        self.log = folder / "log"

    def __enter__(self) -> Callable:
        with self.log.open("w") as log:
            self.server = subprocess.Popen(self.command, stdout=log, stderr=log)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                urlopen(f"http://{self.address}/-/ready", timeout=5).close()
            except OSError:
                time.sleep(0.05)
            else:
                return self.ask
        raise AssertionError(self.log.read_text())

    def __exit__(self, *_: object) -> None:
        self.server.terminate()
        self.server.wait(30)

    def ask(self, path: str, **parameters: str) -> list:
        with urlopen(f"http://{self.address}/api/v1/{path}?{urlencode(parameters)}", timeout=30) as reply:
            found = json.load(reply)["data"]
            return found if isinstance(found, list) else found["result"]


def test_one_file_a_month_and_no_day_outside_what_was_asked_for(cli, year, tmp_path):
    out = tmp_path / "om"
    done = cli("backfill", "prometheus", "--out", out, "--until", "2026-03-03", "--days", "20")
    assert done.exit_code == 0, done.output
    assert sorted(file.name for file in out.iterdir()) == ["spend-2026-02.om", "spend-2026-03.om"]
    moments = {at for file in out.iterdir() for values in samples(file).values() for at in values}
    first = datetime(2026, 2, 11, 23, 59, tzinfo=UTC)
    assert moments == {(first + timedelta(days=day)).timestamp() for day in range(20)}


def test_today_is_left_to_the_scrapes(cli, year, tmp_path):
    assert (
        cli("backfill", "prometheus", "--out", tmp_path / "om", "--until", "2999-01-01", "--days", "2").exit_code == 0
    )
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    moments = {at for file in (tmp_path / "om").iterdir() for values in samples(file).values() for at in values}
    assert today - timedelta(days=1) < datetime.fromtimestamp(max(moments), UTC) < today + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("acme", "--out", "om"), "--out is for `backfill prometheus --out FOLDER`"),
        (("prometheus", "acme", "--out", "om"), "--out is for `backfill prometheus --out FOLDER`"),
        (("acme", "--until", "2026-01-01"), "--until needs --out"),
        (("prometheus", "--out", "full"), "full is not empty: name a new folder with --out"),
        (("prometheus", "--out", "full/file"), "full/file can't be used as a folder"),
        (("prometheus", "--out", "om"), "nothing is stored of days before"),
        (("prometheus",), "there is no account prometheus"),
    ],
)
def test_a_mistake_is_one_sentence(cli, books, tmp_path, words, said):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    books.account()
    done = cli("backfill", *words)
    assert done.exit_code
    assert said in " ".join(done.stderr.replace("│", "").split())
