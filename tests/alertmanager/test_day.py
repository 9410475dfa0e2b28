"""How many messages a day brings: real Alertmanager, shipped times, 7,200 times as fast (an hour is half a second)."""

from __future__ import annotations

import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

HOUR = 0.5
DAY = 26 * HOUR
LASTING = {"alertname": "SpendBudgetWarning", "severity": "warning", "budget": "lasting", "level": "warning"}
OVERTAKEN = {"alertname": "SpendBudgetWarning", "severity": "warning", "budget": "overtaken", "level": "warning"}
HIGHER = {"alertname": "SpendBudgetCritical", "severity": "critical", "budget": "overtaken", "level": "critical"}
FLAPPING = {"alertname": "SpendBudgetWarning", "severity": "warning", "budget": "flapping", "level": "warning"}


def scaled(duration: str) -> str:
    seconds = int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]
    return f"{seconds * 1000 * HOUR / 3600:.0f}ms"


@pytest.fixture
def quick(configuration, services):
    """The shipped configuration with one chat, and every time scaled."""
    config = configuration()
    times = {name: scaled(config["route"][name]) for name in ("group_wait", "group_interval", "repeat_interval")}
    assert times == {"group_wait": "4ms", "group_interval": "500ms", "repeat_interval": "12000ms"}
    config["receivers"] = [
        {"name": "nobody"},
        {"name": "webhook", "webhook_configs": [{"url": f"{services.url}/webhook", "send_resolved": True}]},
    ]
    routes = [route for route in config["route"]["routes"] if route["receiver"] == "webhook"]
    config["route"] |= {"receiver": "nobody", "routes": routes, **times}
    return config


def flap(server, until: float) -> None:
    """To and fro every twenty minutes."""
    while time.monotonic() < until:
        server.tell(FLAPPING)
        time.sleep(HOUR / 3)
        server.tell(FLAPPING, endsAt=datetime.now(UTC).isoformat())
        time.sleep(HOUR / 3)


@pytest.fixture
def maintained(program):
    """Empty groups are given up after 30 seconds; here as well, where Alertmanager can be told."""
    help_ = subprocess.run([program("alertmanager"), "--help"], capture_output=True, text=True)
    option = "--dispatch.maintenance-interval"
    return [f"{option}=4ms"] if option in help_.stdout + help_.stderr else []


def test_a_day(alertmanager, quick, maintained, services):
    server = alertmanager(quick, *maintained)
    began = time.monotonic()
    flapping = threading.Thread(target=flap, args=(server, began + DAY))
    flapping.start()
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    server.tell(LASTING, OVERTAKEN, endsAt=ends)
    time.sleep(6 * HOUR)
    server.tell(HIGHER, endsAt=ends)
    flapping.join()
    told = [(at - began, body) for at, path, body in services.seen if path == "/webhook"]

    def of(labels, status):
        """When a message of that status told of an alert, in hours."""
        return [
            at / HOUR
            for at, body in told
            if body["status"] == status and all(alert["labels"] == labels for alert in body["alerts"])
        ]

    # Reached and lasting: at once, and a reminder a day later.
    at_once, reminder = of(LASTING, "firing")
    assert at_once < 2
    assert 23.5 < reminder < 26
    # Reached and overtaken: no reminder, because the higher level says it all from the sixth hour on.
    assert len(of(OVERTAKEN, "firing")) == 1
    assert len(of(HIGHER, "firing")) == 1
    assert of(OVERTAKEN, "resolved") == of(HIGHER, "resolved") == of(LASTING, "resolved") == []
    again = of(FLAPPING, "firing")
    apart = [later - earlier for earlier, later in pairwise(again)]
    assert min(apart) > 0.75, again  # an hour, and a slow machine's delays
    assert 5 <= len(again) <= 26
    assert len(of(FLAPPING, "resolved")) <= 26
