"""Alertmanager's configuration without the channels that have no secret."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from exporter.config.channels import configured
from exporter.errors import ConfigError

SOURCE = Path(__file__).parents[2] / "alertmanager" / "alertmanager.yml"
ALL = {"slack_url", "discord_url", "teams_url", "webhook_url", "smtp_password", "pagerduty_key", "alerts_token"}


@pytest.fixture
def secrets(tmp_path):
    """A folder with those secrets."""

    def fill(*names):
        for name in names:
            (tmp_path / name).write_text("https://hooks.example.com/FAKE")
        return tmp_path

    return fill


def routes(found):
    return [route["receiver"] for route in found.config["route"]["routes"]]


def test_with_every_secret_nothing_is_left_out(secrets):
    found = configured(SOURCE, secrets(*ALL))
    assert found.left_out == {}
    whole = yaml.safe_load(SOURCE.read_text())
    assert found.kept == [receiver["name"] for receiver in whole["receivers"]]
    assert routes(found) == [route["receiver"] for route in whole["route"]["routes"]]


def test_without_any_only_the_history_is_told(secrets):
    folder = secrets()
    found = configured(SOURCE, folder)
    assert found.kept == routes(found) == ["history"]
    assert found.left_out["slack"] == str(folder / "slack_url")
    assert found.left_out["digest"] == found.left_out["email"] == str(folder / "smtp_password")


@pytest.mark.parametrize(
    ("secret", "channels"),
    [
        ("slack_url", ["slack"]),
        ("smtp_password", ["digest", "email"]),
        ("pagerduty_key", ["pagerduty"]),
    ],
)
def test_each_secret_is_worth_its_channels(secrets, secret, channels):
    assert sorted(routes(configured(SOURCE, secrets(secret)))) == sorted(["history", *channels])


def test_an_empty_file_counts_as_missing(secrets):
    folder = secrets("slack_url")
    (folder / "discord_url").write_text("\n")
    assert routes(configured(SOURCE, folder)) == ["history", "slack"]


def test_the_history_does_without_a_token(secrets):
    (webhook,) = configured(SOURCE, secrets(), "http://127.0.0.1:9918/").config["receivers"][0]["webhook_configs"]
    assert webhook == {"url": "http://127.0.0.1:9918/-/alerts", "http_config": {}}
    (webhook,) = configured(SOURCE, secrets("alerts_token")).config["receivers"][0]["webhook_configs"]
    assert webhook["http_config"]["authorization"]["credentials_file"].endswith("/alerts_token")


def test_a_relay_without_a_password_is_kept(secrets, tmp_path):
    config = yaml.safe_load(SOURCE.read_text())
    del config["global"]["smtp_auth_password_file"]
    (tmp_path / "own.yml").write_text(yaml.safe_dump(config))
    assert "email" in configured(tmp_path / "own.yml", secrets()).kept


def test_a_receiver_keeps_its_other_channels(secrets, tmp_path):
    team = {
        "name": "team",
        "slack_configs": [{"api_url_file": "x/slack_url"}],
        "webhook_configs": [{"url_file": "x/none"}],
    }
    config = {"route": {"receiver": "team"}, "receivers": [team]}
    (tmp_path / "own.yml").write_text(yaml.safe_dump(config))
    found = configured(tmp_path / "own.yml", secrets("slack_url"))
    assert found.config["receivers"] == [
        {"name": "team", "slack_configs": [{"api_url_file": str(tmp_path / "slack_url")}]}
    ]


@pytest.mark.parametrize("names", [set(), {"slack_url"}, {"smtp_password"}, ALL])
def test_alertmanager_takes_what_is_written(program, secrets, tmp_path, names):
    file = tmp_path / "alertmanager.yml"
    file.write_text(configured(SOURCE, secrets(*names)).text())
    done = subprocess.run([program("amtool"), "check-config", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAKE" not in file.read_text()
    assert "1 templates" in done.stdout


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [", "can't be read: while parsing"),
        ("a: 1", "is not an Alertmanager configuration: it needs route and receivers"),
        ("[]", "is not an Alertmanager configuration: it needs route and receivers"),
        (
            "{route: {receiver: a}, receivers: [{name: a, slack_configs: [{api_url_file: /none/x}]}]}",
            "the receiver of the first route has no secrets; make it one that needs none",
        ),
    ],
)
def test_what_is_wrong_with_it(tmp_path, text, sentence):
    (tmp_path / "a.yml").write_text(text)
    with pytest.raises(ConfigError, match=sentence):
        configured(tmp_path / "a.yml")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yml can't be read"):
        configured(tmp_path / "none.yml")
