"""`alerts config`, `alerts test` and `alerts history`: whom Alertmanager tells, whether it works, what was told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from exporter.cli import show, work
from exporter.errors import ConfigError, SpendError

if TYPE_CHECKING:
    from exporter.store.alert_history import Told

SOURCE = Path("alertmanager/alertmanager.yml")
TEST_LASTS = timedelta(minutes=5)
SECONDS = 10
COLUMNS = ("since", "until", "severity", "alert", "about", "told")
SHOWN_APART = frozenset({"alertname", "severity", "test"})


class Severity(StrEnum):
    """What alerts are routed by."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Channel(StrEnum):
    """The channels of the shipped configuration."""

    SLACK = "slack"
    DISCORD = "discord"
    TEAMS = "teams"
    WEBHOOK = "webhook"
    EMAIL = "email"
    PAGERDUTY = "pagerduty"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(config)
    app.command("test")(send_test)
    app.command()(history)


def config(
    *,
    source: Annotated[Path, typer.Option("--from", help="The whole configuration.", metavar="FILE")] = SOURCE,
    secrets: Annotated[
        Path | None, typer.Option(help="Where the secrets are, in place of the folder it names.", metavar="FOLDER")
    ] = None,
    exporter: Annotated[
        str | None, typer.Option(help="The exporter's address, for the history.", metavar="URL")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write to this file, not to stdout.", metavar="FILE")] = None,
) -> None:
    """Alertmanager's configuration with only the channels that have their secrets. The others would fail at every
    message.
    """
    from exporter.config.channels import configured

    found = configured(source, secrets, exporter)
    if out is None:
        show.say(found.text().rstrip("\n"))
    else:
        _write(out, found.text())
    show.note(f"Channels: {', '.join(found.kept)}.")
    for name, file in found.left_out.items():
        show.note(f"Left out: {name}; {file} is missing or empty.")


def _write(file: Path, text: str) -> None:
    new = file.with_name(file.name + ".new")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(file)  # whole or not at all: Alertmanager may be reading it
    except OSError as error:
        raise ConfigError(f"{file} can't be written: {error.strerror}") from None


def send_test(
    *,
    channel: Annotated[Channel | None, typer.Option(help="Only this channel.")] = None,
    severity: Annotated[
        Severity | None, typer.Option(help="Default: critical with --channel, so that any takes it; else warning.")
    ] = None,
    team: Annotated[str, typer.Option(help="As if it were this team's.", metavar="NAME")] = "",
    alertmanager: Annotated[str, typer.Option(help="Its address.", metavar="URL")] = "http://127.0.0.1:9093",
) -> None:
    """Send a test alert the way of all alerts, and say which channels it is routed to."""
    from exporter.app.runtime import utc_now

    labels = {
        "alertname": "SpendTest",
        "severity": severity or (Severity.CRITICAL if channel else Severity.WARNING),
        "test": uuid4().hex[:8],
    }
    labels |= {"channel": str(channel)} if channel else {}
    labels |= {"team": team} if team else {}
    receivers = _posted(alertmanager.rstrip("/"), labels, utc_now())
    channels = [name for name in receivers if name != "history"]
    if not channels:
        raise ConfigError(
            f"{alertmanager} sends {channel or 'alerts'} of severity {labels['severity']} to nobody: see which channels"
            " have their secrets with `spend-exporter alerts config`"
        )
    show.say(f"A test alert of severity {labels['severity']} goes to: {', '.join(channels)}.")
    show.say("It arrives within a minute and ends in 5 minutes; that is told within the hour.")


def _posted(address: str, labels: Mapping[str, str], now: datetime) -> list[str]:
    """Post the alert. Returns the receivers that Alertmanager says it goes to."""
    alert = {
        "labels": labels,
        "annotations": {
            "summary": "TEST: nothing is wrong",
            "description": "Somebody tries whether messages arrive (spend-exporter alerts test). No money is meant.",
        },
        "startsAt": now.isoformat(),
        "endsAt": (now + TEST_LASTS).isoformat(),
    }
    _asked("POST", f"{address}/api/v2/alerts", json=[alert])
    filters = {"filter": f'test="{labels["test"]}"'}
    found = _asked("GET", f"{address}/api/v2/alerts", params=filters)
    return sorted({receiver["name"] for alert in found for receiver in alert["receivers"]})


def _asked(method: str, url: str, **more: Any) -> Any:
    import httpx

    try:
        reply = httpx.request(method, url, timeout=SECONDS, **more)
        reply.raise_for_status()
        return reply.json() if reply.content else None
    except httpx.HTTPStatusError as error:
        raise SpendError(f"{url} answered {error.response.status_code}: is that an Alertmanager?") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise SpendError(f"can't reach Alertmanager at {url}: {error}; name it with --alertmanager") from None


def history(
    *,
    firing: Annotated[bool, typer.Option("--firing", help="Only what fires now.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.", metavar="NUMBER")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """What Alertmanager told of, newest first: from when until when, and how often."""
    from exporter.store import alert_history

    with work.opened() as runtime:
        now = runtime.clock()
        found = runtime.database.call(alert_history.newest, limit, firing_at=now if firing else None)
    if as_json:
        show.as_json({"alerts": [told._asdict() for told in found]})
    elif found:
        show.table(COLUMNS, [_cells(told, now) for told in found], right=("told",))
    else:
        show.say("There are no alerts. Alertmanager tells of them by its webhook: see docs/notifications.md.")


def _cells(told: Told, now: datetime) -> tuple[str, ...]:
    about = ", ".join(f"{name}={value}" for name, value in told.labels.items() if value and name not in SHOWN_APART)
    until = show.moment(told.ends_at) if told.ends_at else "still" if told.fires(now) else "unknown"
    return (show.moment(told.starts_at), until, told.severity, told.alertname, about, str(told.notified))
