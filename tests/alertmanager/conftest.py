"""The shipped configuration, the examples of its documentation, and a running Alertmanager."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from email import message_from_bytes, policy
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, Self
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
def alertmanager(program, server, file, tmp_path) -> Callable[..., Alertmanager]:
    def start(config: Config, *more: str) -> Alertmanager:
        options = [
            f"--config.file={file(config)}",
            f"--storage.path={tmp_path}/alertmanager",
            "--cluster.listen-address=",
        ]
        address = "--web.listen-address={address}"
        return Alertmanager(server(program("alertmanager"), "/-/ready", *options, *more, address))

    return start


class Services:
    """Slack, Discord, Teams, PagerDuty, a webhook and a mail server, all of them here. `seen`: when, where, what."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, str, Any]] = []
        self.logins: list[str] = []
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Http, self))
        self.smtp = ThreadingTCPServer(("127.0.0.1", 0), partial(_Smtp, self))
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.smarthost = f"127.0.0.1:{self.smtp.server_address[1]}"

    def __enter__(self) -> Self:
        self.smtp.daemon_threads = True
        for one in (self.http, self.smtp):
            threading.Thread(target=one.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self.http, self.smtp):
            one.shutdown()
            one.server_close()

    def took(self, where: str, what: object) -> None:
        self.seen.append((time.monotonic(), where, what))


class _Http(BaseHTTPRequestHandler):
    """Answers as each service does when all is well."""

    def __init__(self, services: Services, *args: Any) -> None:
        self.services = services
        super().__init__(*args)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.services.took("/" + self.path.split("/")[1], body)
        status, text = {"/slack": (200, b"ok"), "/discord": (204, b""), "/teams": (202, b"")}.get(
            self.services.seen[-1][1], (202, b"{}")
        )
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Smtp(StreamRequestHandler):
    """As much of a mail server as a client needs."""

    def __init__(self, services: Services, *args: Any) -> None:
        self.services = services
        super().__init__(*args)

    def handle(self) -> None:
        self.say("220 here")
        for line in self.rfile:
            word = line.decode().strip()
            if word.startswith("EHLO"):
                self.say("250-here\r\n250 AUTH PLAIN")
            elif word.startswith("AUTH PLAIN"):
                self.services.logins.append(b64decode(word.split()[2]).decode())
                self.say("235 welcome")
            elif word == "DATA":
                self.say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.services.took("/mail", message_from_bytes(b"".join(lines), policy=policy.default))
                self.say("250 taken")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def services() -> Iterator[Services]:
    with Services() as running:
        yield running
