"""Everything between figures and messages: Prometheus with our rules, Alertmanager with our routes, an exporter.

Everything but the channels is real; Alertmanager's times are cut down to seconds.
"""

from __future__ import annotations

import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from exporter.config.channels import configured

ROOT = Path(__file__).parents[3]
RULES = ROOT / "recording-rules"
SECRETS = {
    "slack_url": "/slack/T0FAKE-slack",
    "discord_url": "/discord/FAKE-discord",
    "teams_url": "/teams/FAKE-teams",
    "webhook_url": "/webhook/FAKE-webhook",
    "smtp_password": "FAKE-smtp",
    "pagerduty_key": "FAKE-pagerduty",
    "alerts_token": "FAKE-token",
}
INFO = 'spend_budget_info{budget="search",name="Search <!channel>",team="core",period="month",currency="USD"} 1\n'


class Figures:
    """What the exporter would publish of one budget."""

    def __init__(self) -> None:
        self.limit, self.spent = 1000, 500
        figures = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = figures.text().encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def text(self) -> str:
        levels = "".join(
            f'spend_budget_threshold_usd{{budget="search",level="{level}",basis="actual"}} {self.limit * share}\n'
            for level, share in (("warning", 0.7), ("critical", 0.9), ("emergency", 1))
        )
        return f"""{INFO}{levels}spend_budget_limit_usd{{budget="search"}} {self.limit}
spend_budget_spent_usd{{budget="search"}} {self.spent}
spend_budget_forecast_usd{{budget="search"}} {self.spent * 1.05}
"""


@pytest.fixture
def figures():
    figures = Figures()
    threading.Thread(target=figures.http.serve_forever, args=(0.05,), daemon=True).start()
    yield figures
    figures.http.shutdown()
    figures.http.server_close()


@pytest.fixture
def secrets(tmp_path, services):
    """A folder with the secrets of every channel."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name, value in SECRETS.items():
        (folder / name).write_text(f"{services.url if value.startswith('/') else ''}{value}\n")
    return folder


@pytest.fixture
def exporter(server, tmp_path, secrets, database_url, monkeypatch):
    """A real one, with nothing to sync."""
    for name in [name for name in os.environ if name.startswith("SPEND_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SPEND_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SPEND_ALERTS_TOKEN_FILE", str(secrets / "alerts_token"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return server(sys.executable, "/-/ready", "-m", "exporter", "serve", "--listen", "{address}")


@pytest.fixture
def told(alertmanager, configuration, secrets, services, exporter):
    """Alertmanager with the shipped configuration, as `alerts config` writes it."""
    found = configured(ROOT / "alertmanager" / "alertmanager.yml", secrets, exporter)
    assert found.left_out == {}
    config = found.config
    config["global"] |= {
        "smtp_smarthost": services.smarthost,
        "smtp_require_tls": False,
        "pagerduty_url": f"{services.url}/pagerduty",
    }
    config["route"] |= {"group_wait": "2s", "group_interval": "1s"}
    config["route"]["routes"][0]["group_interval"] = "1s"  # the history's
    return alertmanager(config)


@pytest.fixture
def prometheus(program, server, tmp_path, figures, told):
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES / "*.yml")],
        "scrape_configs": [
            {"job_name": "any", "static_configs": [{"targets": [f"127.0.0.1:{figures.http.server_port}"]}]}
        ],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [told.url.removeprefix("http://")]}]}]},
    }
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    options = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb"]
    return server(program("prometheus"), "/-/ready", *options, "--web.listen-address={address}")
