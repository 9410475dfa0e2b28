"""The real servers that the other tests drive, and the two commands of the README."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import pytest
import yaml

ROOT = Path(__file__).parents[1]
ALERTMANAGER = """
route: {receiver: nobody}
receivers: [{name: nobody, webhook_configs: [{url: "http://127.0.0.1:9/"}]}]
"""


@pytest.mark.parametrize("name", ["prometheus", "promtool", "alertmanager", "amtool"])
def test_every_server_program_starts(program: Callable[[str], str], name: str) -> None:
    said = subprocess.run([program(name), "--version"], capture_output=True, text=True)
    assert said.returncode == 0
    assert f"{name}, version" in said.stdout + said.stderr


def test_alertmanager_finds_its_templates_from_any_folder(program: Callable[[str], str], tmp_path: Path) -> None:
    config = tmp_path / "alertmanager.yml"
    config.write_text(ALERTMANAGER)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = [f"--config.file={config}", f"--storage.path={tmp_path}", f"--web.listen-address=127.0.0.1:{port}"]
    command = [program("alertmanager"), *options, "--cluster.listen-address="]
    with (tmp_path / "log").open("w") as log, subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log) as server:
        try:
            assert _ready(f"http://127.0.0.1:{port}/-/ready", server), (tmp_path / "log").read_text()
        finally:
            server.terminate()


def _ready(url: str, server: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + 20
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2) as reply:
                return bool(reply.status == 200)
        except (URLError, ConnectionError):
            time.sleep(0.05)
    return False


def test_a_missing_program_skips_here_and_fails_where_servers_are_required(
    program: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUIRE_SERVERS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-server is not here"):
        program("no-such-server")
    monkeypatch.setenv("REQUIRE_SERVERS", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-server is not here"):
        program("no-such-server")


def test_the_bootstrap_names_its_commands() -> None:
    said = subprocess.run([sys.executable, "dev.py", "dance"], cwd=ROOT, capture_output=True, text=True)
    assert said.returncode == 1
    assert (
        said.stderr
        == "dev.py: unknown command 'dance': use one of setup, run, stack, tour, chart, test, check, bench\n"
    )


CHANNELS = {"slack_url", "discord_url", "teams_url", "webhook_url", "smtp_password", "pagerduty_key"}


def test_secrets_for_compose_are_made_once_and_behind_a_closed_folder(tmp_path: Path) -> None:
    script = tmp_path / "tools" / "make-secrets.sh"
    script.parent.mkdir()
    script.write_text((ROOT / "tools" / "make-secrets.sh").read_text())
    (tmp_path / ".env.example").write_text("COMPOSE_PROFILES=demo\n")
    made = []
    for _ in range(2):
        subprocess.run(["sh", script], check=True, env={"PATH": os.environ["PATH"]})
        secrets = tmp_path / ".data" / "secrets"
        made.append({path.name: path.read_text() for path in secrets.iterdir()})
        (tmp_path / ".env").write_text("COMPOSE_PROFILES=live\n")  # as its owner changes it
    assert (tmp_path / ".env").read_text() == "COMPOSE_PROFILES=live\n"
    assert made[0] == made[1]
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert {f".data/secrets/{name}" for name in made[0]} == {one["file"] for one in compose["secrets"].values()}
    assert {name for name, text in made[0].items() if not text} == CHANNELS
    assert made[0]["postgres_password"].strip() in made[0]["database_url"]
    assert secrets.stat().st_mode & 0o777 == 0o700
