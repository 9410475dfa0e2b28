"""A throw-away Prometheus on this machine: filled with the past, asked, and gone.

One rule: it listens on the loopback address only, and ends with the block that opened it.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from exporter.errors import ConfigError, SpendError
from exporter.replay import samples
from exporter.replay.rules import Rule
from exporter.replay.samples import Series

STARTS_WITHIN = 30.0  # seconds


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the two programs are."""

    prometheus: str
    promtool: str

    @classmethod
    def found(cls, folder: Path | None = None) -> Programs:
        """In `folder`, else on PATH.

        Raises:
            ConfigError: one of them is missing.
        """
        paths = {name: shutil.which(name, path=None if folder is None else str(folder)) for name in PROGRAMS}
        if missing := [name for name, path in paths.items() if path is None]:
            raise ConfigError(
                f"{' and '.join(missing)} can't be found {'on PATH' if folder is None else f'in {folder}'}:"
                " install Prometheus, or name its folder with --prometheus"
            )
        return cls(*map(str, paths.values()))


PROGRAMS = ("prometheus", "promtool")


@dataclass(slots=True)
class Past:
    """A folder with the past in it: the midnights from `first` to `last`, `step` apart."""

    programs: Programs
    folder: Path
    first: datetime
    last: datetime
    step: timedelta

    def fill(self, samples: Path) -> None:
        """Take over a file of samples."""
        self._promtool("create-blocks-from", "openmetrics", "--quiet", str(samples), str(self._data))

    def record(self, layer: Sequence[Rule]) -> None:
        """Work recording rules out over the whole past. (promtool's own way shifts each group by some hours.)"""
        file = self.folder / "recorded.om"
        found = self.held(layer)
        with file.open("wb") as out:
            samples.write_recorded(found, out)
        self.fill(file)

    def held(self, rules: Sequence[Rule]) -> list[tuple[Rule, list[Series]]]:
        """What each rule's expression was at every midnight."""
        with self._serving() as url, httpx.Client(base_url=url, timeout=60) as client:
            return [(rule, self._asked(client, rule.expr)) for rule in rules]

    def _asked(self, client: httpx.Client, expr: str) -> list[Series]:
        asked = {
            "query": expr,
            "start": f"{self.first.timestamp():.0f}",
            "end": f"{self.last.timestamp():.0f}",
            "step": f"{self.step.total_seconds():.0f}",
        }
        reply = client.post("/api/v1/query_range", data=asked).json()
        if reply["status"] != "success":
            raise SpendError(f"Prometheus refused a rule: {reply['error']}")
        return [Series.of(one["metric"], one["values"]) for one in reply["data"]["result"]]

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _promtool(self, *arguments: str) -> None:
        command = [self.programs.promtool, "tsdb", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (no shell)
        if done.returncode:
            raise SpendError(f"promtool could not do its part: {done.stderr.strip() or done.stdout.strip()}")

    @contextmanager
    def _serving(self) -> Iterator[str]:
        config = self.folder / "prometheus.yml"
        config.write_text("global: {}\n")
        port = _free_port()
        command = [
            self.programs.prometheus, f"--config.file={config}", f"--storage.tsdb.path={self._data}",
            f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.retention.time=100y", "--log.level=error",
        ]  # fmt: skip
        with (
            (self.folder / "log").open("w") as log,
            subprocess.Popen(command, stdout=log, stderr=log) as server,  # noqa: S603 (no shell)
        ):
            try:
                url = f"http://127.0.0.1:{port}"
                _wait(url, server)
                yield url
            finally:
                server.terminate()
                server.wait()


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until and server.poll() is None:
        try:
            if httpx.get(f"{url}/-/ready").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise SpendError("Prometheus did not start for the replay; run it by hand to see why")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
