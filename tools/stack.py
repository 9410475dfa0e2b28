"""The stack without containers: the demo, a real Prometheus and a real Alertmanager, until Ctrl-C.

One rule: what runs is what ships. Rules, routes and texts are this tree's; addresses are written in, and nothing else.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn
from urllib.error import URLError
from urllib.request import urlopen

import yaml

from exporter.config.channels import configured
from exporter.errors import SpendError

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 180  # seconds until a server answers; the demo's first start makes a database
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Server:
    """A program that listens."""

    name: str
    address: str
    command: Sequence[str]
    ready: str
    log: Path | None = None
    """Where its output goes; `None`: to the terminal."""

    @property
    def url(self) -> str:
        return f"http://{self.address}"


def main() -> None:
    """Write the configurations, start the servers one after the other, wait for the end."""
    options = read_options()
    folder: Path = options.data.resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    addresses = {"exporter": options.exporter, "prometheus": options.prometheus, "alertmanager": options.alertmanager}
    for name, address in addresses.items():
        refuse_taken(name, address)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(prometheus_config(addresses, options.interval)))
    channels = configured(options.channels, (options.secrets or folder / "secrets").resolve(), url(options.exporter))
    (folder / "alertmanager.yml").write_text(channels.text())
    for end in ENDS:
        signal.signal(end, lambda *_: sys.exit(0))
    with ExitStack() as running:
        processes = [running.enter_context(started(one)) for one in servers(folder, addresses, options.months)]
        announce(addresses, folder, channels.kept, channels.left_out)
        while all(process.poll() is None for process in processes):
            time.sleep(0.5)
        stop("a server ended by itself: see above, and the logs in " + str(folder))


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make stack", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path(".data/stack"), help="where everything is kept")
    parser.add_argument("--exporter", default="127.0.0.1:9918", metavar="HOST:PORT")
    parser.add_argument("--prometheus", default="127.0.0.1:9090", metavar="HOST:PORT")
    parser.add_argument("--alertmanager", default="127.0.0.1:9093", metavar="HOST:PORT")
    parser.add_argument("--channels", type=Path, default=ROOT / "alertmanager" / "alertmanager.yml", metavar="FILE",
                        help="Alertmanager's configuration")  # fmt: skip
    parser.add_argument("--secrets", type=Path, metavar="FOLDER", help="the channels' secrets (DATA/secrets)")
    parser.add_argument("--interval", default="15s", help="between scrapes, and between evaluations of rules")
    parser.add_argument("--months", type=int, default=6, help="how much history to invent")
    return parser.parse_args()


def prometheus_config(addresses: Mapping[str, str], interval: str) -> dict[str, Any]:
    """The configuration of compose.yaml with the addresses of this machine."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval}
    config["rule_files"] = [str(ROOT / "recording-rules" / "*.yml")]
    config["alerting"] = {"alertmanagers": [targets(addresses["alertmanager"])]}
    config["scrape_configs"] = [
        {"job_name": job["job_name"], **targets(addresses[job["job_name"].removeprefix("spend-")])}
        for job in config["scrape_configs"]
    ]
    return config


def targets(address: str) -> dict[str, Any]:
    return {"static_configs": [{"targets": [address]}]}


def servers(folder: Path, addresses: Mapping[str, str], months: int) -> Iterator[Server]:
    demo = [sys.executable, "-m", "exporter", "demo", f"--data-dir={folder}/demo", f"--months={months}"]
    yield Server("exporter", addresses["exporter"], [*demo, f"--listen={addresses['exporter']}"], "/-/ready")
    options = [f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/alertmanager"]
    yield Server(
        "alertmanager",
        addresses["alertmanager"],
        [program("alertmanager"), *options, f"--web.listen-address={addresses['alertmanager']}",
         f"--web.external-url={url(addresses['alertmanager'])}", "--cluster.listen-address="],
        "/-/ready",
        folder / "alertmanager.log",
    )  # fmt: skip
    options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/prometheus"]
    yield Server(
        "prometheus",
        addresses["prometheus"],
        [program("prometheus"), *options, "--storage.tsdb.retention.time=400d",
         f"--web.listen-address={addresses['prometheus']}"],
        "/-/ready",
        folder / "prometheus.log",
    )  # fmt: skip


def program(name: str) -> str:
    """The fetched one, else the one on PATH."""
    found = shutil.which(name, path=str(ROOT / ".tools" / "bin")) or shutil.which(name)
    if found is None:
        stop(f"{name} is missing: install it (macOS: brew install {name}); on Debian `make stack` fetches it")
    return found


@contextmanager
def started(server: Server) -> Iterator[subprocess.Popen[bytes]]:
    """A running server that answers, in a session of its own: Ctrl-C is for us, we end them one by one."""
    with ExitStack() as files:
        log: IO[bytes] | None = files.enter_context(server.log.open("ab")) if server.log else None
        process = subprocess.Popen(server.command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        try:
            answers(server, process)
            yield process
        finally:
            process.terminate()
            process.wait(60)


def answers(server: Server, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        with suppress(URLError, OSError), urlopen(server.url + server.ready, timeout=5):
            return
        time.sleep(0.2)
    stop(f"{server.name} did not start" + (f": see {server.log}" if server.log else ""))


def announce(addresses: Mapping[str, str], folder: Path, kept: Sequence[str], left_out: Mapping[str, str]) -> None:
    said = [
        "",
        f"  exporter      {url(addresses['exporter'])}/",
        f"  Prometheus    {url(addresses['prometheus'])}/  (Debian's has no pages: ask /api/v1/query?query=...)",
        f"  Alertmanager  {url(addresses['alertmanager'])}/  messages go to: {', '.join(kept)}",
        *([f"                off, without its secret in {folder}/secrets: {', '.join(left_out)}"] if left_out else []),
        "  Grafana       is not part of this; dashboards/ and grafana/ are for yours: docs/existing-stack.md",
        "",
        f"Everything is kept in {folder}. Ctrl-C ends all of it.",
    ]
    print("\n".join(said), flush=True)


def refuse_taken(name: str, address: str) -> None:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except (OSError, ValueError) as error:
            stop(f"can't listen on {address}: {error}; name another with --{name} HOST:PORT")


def url(address: str) -> str:
    return f"http://{address}"


def stop(sentence: str) -> NoReturn:
    sys.exit("stack: " + sentence)


if __name__ == "__main__":
    try:
        main()
    except SpendError as fault:
        stop(str(fault))
