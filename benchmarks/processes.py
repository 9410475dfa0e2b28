"""The processes around a scrape: the simulated providers and the real program, each on its own.

One rule: a process ends with the block that started it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exporter.demo.server import ANTHROPIC_KEY, OPENAI_KEY

KEYS = {"openai": OPENAI_KEY, "anthropic": ANTHROPIC_KEY}
DAYS = 60  # of simulated history
_CONFIG = """\
  - id: {id}
    provider: {id}
    team: platform
    credentials: {{admin_key: {key}}}
    options: {{base_url: "{url}", requests_per_minute: "60000"}}
"""


@contextmanager
def simulator() -> Iterator[dict[str, str]]:
    """The addresses of both simulated providers."""
    command = [sys.executable, "-m", "exporter.demo.server", "--days", str(DAYS)]
    with _running(command, os.environ.copy()) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())


@contextmanager
def exporter(
    folder: Path, database_url: str, addresses: dict[str, str], series_limit: int
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`spend-exporter serve`, and the address of its metrics once there are figures."""
    file = folder / "spend.yaml"
    file.write_text("accounts:\n" + "".join(_CONFIG.format(id=i, key=KEYS[i], url=url) for i, url in addresses.items()))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SPEND_")} | {
        "DATABASE_URL": database_url.replace("postgresql+psycopg2", "postgresql"),
        "SPEND_CONFIG_FILE": str(file),
        "SPEND_DATA_DIR": str(folder),
        "SPEND_LISTEN": "127.0.0.1:0",
        "SPEND_SERIES_LIMIT": str(series_limit),
        "SPEND_BACKFILL_DAYS": str(DAYS),
        "SPEND_LOG_LEVEL": "warning",
    }
    environment = _with_bytecode(environment, folder)
    command = [sys.executable, "-m", "exporter", "serve"]
    with _running(command, environment) as process:
        yield process, _address(process)


def _with_bytecode(environment: dict[str, str], folder: Path) -> dict[str, str]:
    """As installed: compiling the list of prices alone takes 60 MiB and a third of a second."""
    environment = {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    imports = "import exporter.app, exporter.cli.serve, genai_prices.data"
    subprocess.run([sys.executable, "-c", imports], env=environment, check=True)
    return environment


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Its complaints go where ours go."""
    process = subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[str]) -> str:
    """Where it serves, from what it says; what it says later is read and forgotten, lest the pipe fill."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if found := re.search(r"http://\S+/metrics", line):
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return found.group()
    raise SystemExit("the exporter did not start:\n" + "".join(said))


def resident_mib(process: subprocess.Popen[str]) -> float:
    """What the process holds in memory now, without its children."""
    status = Path(f"/proc/{process.pid}/status")
    if status.exists():
        return int(re.findall(r"VmRSS:\s+(\d+)", status.read_text())[0]) / 1024
    told = subprocess.run(["ps", "-o", "rss=", "-p", str(process.pid)], capture_output=True, text=True, check=True)
    return int(told.stdout) / 1024
