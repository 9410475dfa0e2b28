"""How long a forecast takes, its calibration included, and what 10,000 series cost through the command."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np

from benchmarks.report import Report, Requirement, Table
from exporter.analytics.forecast import METHODS

DAYS = 365
MANY = 10_000
START = date(2024, 1, 1)


def report() -> Report:
    """One by one in this process, then a batch through a process of its own."""
    each = {(horizon, days): _milliseconds(horizon, days) for horizon in (30, 90) for days in (90, DAYS, 1_000)}
    rows = [[f"{days} days of history, {horizon} ahead", f"{taken:.2f}"] for (horizon, days), taken in each.items()]
    seconds, megabytes = _batch(MANY)
    rows.append([f"batch of {MANY:,} series × {DAYS} days, one process: seconds", f"{seconds:.1f}"])
    rows.append(["largest memory of that process: MB", f"{megabytes:.0f}"])
    slowest = max(each.values())
    return Report(
        [Table("Forecast speed", ("what", "ms"), rows)],
        [
            Requirement("a forecast takes at most 10 ms", f"{slowest:.2f} ms", slowest <= 10),
            Requirement("10,000 series take at most 100 s", f"{seconds:.1f} s", seconds <= 100),
            Requirement("and at most 600 MB", f"{megabytes:.0f} MB", megabytes <= 600),
        ],
    )


def _milliseconds(horizon: int, days: int, rounds: int = 50) -> float:
    random = np.random.default_rng(3)
    histories = random.lognormal(3, 0.3, (rounds, days))
    METHODS["weighted"](histories[0], horizon, start=START)
    started = time.perf_counter()
    for history in histories:
        METHODS["weighted"](history, horizon, start=START)
    return (time.perf_counter() - started) * 1000 / rounds


def _batch(count: int) -> tuple[float, float]:
    """Seconds from start to end, start of the interpreter included, and the largest resident size."""
    command = [sys.executable, "-m", "exporter", "forecast", "--batch"]
    started = time.perf_counter()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in _requests(count):
            process.stdin.write(line)
            process.stdin.flush()
            process.stdout.readline()
        process.stdin.close()
    seconds = time.perf_counter() - started
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def _requests(count: int) -> Iterator[bytes]:
    random = np.random.default_rng(3)
    days = [(START + timedelta(days=day)).isoformat() for day in range(DAYS)]
    for number in range(count):
        costs = np.round(random.lognormal(3, 0.3, DAYS), 2).tolist()
        yield (json.dumps({"id": number, "dates": days, "costs": costs, "horizon": 30}) + "\n").encode()
