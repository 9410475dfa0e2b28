"""The shipped configuration, the examples of its documentation, and a running Alertmanager."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "alertmanager" / "alertmanager.yml"
TEMPLATES = ROOT / "alertmanager" / "templates" / "*.tmpl"
EXAMPLES = re.findall(r"```yaml\n# (.*?)\n(.*?)```", (ROOT / "docs" / "notifications.md").read_text(), re.DOTALL)

Config = dict[str, Any]


def shipped() -> Config:
    config: Config = yaml.safe_load(SOURCE.read_text())
    return deepcopy(config) | {"templates": [str(TEMPLATES)]}


def merged(config: Config, example: Config) -> Config:
    """An example written in as its documentation says: routes after the history's, settings in place of those there."""
    config["global"] |= example.get("global", {})
    config["route"]["routes"][1:1] = example.get("route", {}).get("routes", [])
    config["receivers"] += example.get("receivers", [])
    config["time_intervals"] = example.get("time_intervals", config["time_intervals"])
    return config


def under_yours(config: Config) -> Config:
    ours = config["route"] | {"matchers": ['alertname=~"Spend.+"']}
    config["route"] = {"receiver": "yours", "routes": [ours]}
    config["receivers"].append({"name": "yours"})
    return config


@pytest.fixture
def configuration() -> Callable[[str], Config]:
    """The shipped configuration; with a word, with the example whose title begins with it."""

    def with_example(word: str = "") -> Config:
        if word == "yours":
            return under_yours(shipped())
        found = [text for title, text in EXAMPLES if word and title.lower().startswith(word.lower())]
        assert len(found) == bool(word), f"docs/notifications.md has {len(found)} examples called {word}"
        return merged(shipped(), yaml.safe_load(found[0])) if found else shipped()

    return with_example


@pytest.fixture
def file(tmp_path) -> Callable[[Config], Path]:
    """A configuration as a file."""

    def write(config: Config) -> Path:
        (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config))
        return tmp_path / "alertmanager.yml"

    return write


class Alertmanager:
    """A running one."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.url + path, data, {"Content-Type": "application/json"}), timeout=10) as reply:
            text = reply.read()
        return text.decode() if path == "/metrics" else json.loads(text or "null")

    def tell(self, *labels: dict[str, str], **times: str) -> None:
        self.ask("/api/v2/alerts", [{"labels": one, "annotations": {"summary": "s"}, **times} for one in labels])

    def count(self, name: str) -> float:
        return sum(float(line.split()[-1]) for line in self.ask("/metrics").splitlines() if line.startswith(name + "{"))


@pytest.fixture
def free_port() -> Callable[[], int]:
    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        return port

    return find


@pytest.fixture
def server(tmp_path, free_port) -> Iterator[Callable[..., str]]:
    """`server(program, health, option, …)` runs one till the end; it listens on the `{address}` of its options."""
    with ExitStack() as stack:

        def start(program: str, health: str, *options: str) -> str:
            address = f"127.0.0.1:{free_port()}"
            words = [option.format(address=address) for option in options]
            log = stack.enter_context((tmp_path / f"{Path(program).name}.log").open("w"))
            stack.enter_context(_running(program, words, log))
            _await(f"http://{address}{health}", Path(log.name))
            return f"http://{address}"

        yield start


@contextmanager
def _running(program: str, words: list[str], log: Any) -> Iterator[None]:
    process = subprocess.Popen([program, *words], stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _await(url: str, log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text())


@pytest.fixture
def alertmanager(program, server, file, tmp_path) -> Callable[[Config], Alertmanager]:
    def start(config: Config) -> Alertmanager:
        options = [
            f"--config.file={file(config)}",
            f"--storage.path={tmp_path}/alertmanager",
            "--cluster.listen-address=",
        ]
        address = "--web.listen-address={address}"
        return Alertmanager(server(program("alertmanager"), "/-/ready", *options, address))

    return start
