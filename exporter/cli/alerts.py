"""`alerts`: what the shipped rules would have sent over the history that is stored; the commands about messages."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exporter.cli import notifications, show, work
from exporter.errors import ConfigError

if TYPE_CHECKING:
    from exporter.replay.firing import Event, Firing, Score
    from exporter.replay.run import Replayed

app = typer.Typer(help="What alerts do, and whom they reach.", no_args_is_help=True)
RULES = Path("recording-rules")
EVENT_COLUMNS = ("name", "first", "last", "provider", "account")
ABOUT_EVENTS = ("SpendAnomaly", "SpendDailyCostHigh", "SpendRequestSpikeWithoutCost")
COLUMNS = ("alert", "sent", "a month", "precision", "recall", "days late")
SENT_COLUMNS = ("since", "until", "alert", "about")
HIDDEN = frozenset({"alertname", "severity", "job", "instance"})

notifications.register(app)


@app.callback()
def _alerts() -> None:
    """What alerts do, and whom they reach."""


@app.command()
def replay(
    *,
    since: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first UTC day.")],
    until: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The last UTC day.")],
    rules: Annotated[Path, typer.Option(help="Where the rule files are.", metavar="FOLDER")] = RULES,
    events: Annotated[
        Path | None,
        typer.Option(help=f"What is known to have happened: CSV of {', '.join(EVENT_COLUMNS)}.", metavar="FILE"),
    ] = None,
    prometheus: Annotated[
        Path | None, typer.Option(help="Where prometheus and promtool are, if not on PATH.", metavar="FOLDER")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Run the alerting rules over stored history: what each would have sent, when, and how well it fits known events.

    A day at a time, at its last minute, by the books as they are now. Needs prometheus and promtool.
    """
    first, end = since.date(), until.date() + timedelta(days=1)
    if end <= first:
        raise typer.BadParameter("--to must not be before --from")
    known = [] if events is None else [one for one in read_events(events) if first <= one.first < end]
    found = _replayed(rules, prometheus, first, end)
    show.as_json(as_facts(found, known)) if as_json else _print(found, known, (end - first).days)


def _replayed(rules: Path, prometheus: Path | None, first: date, end: date) -> Replayed:
    from exporter.app.analysis import sensitivity
    from exporter.domain import day_of
    from exporter.replay.prometheus import Programs
    from exporter.replay.rules import read_rules
    from exporter.replay.run import context_of, replay

    shipped, programs = read_rules(rules), Programs.found(prometheus)
    with work.opened() as runtime:
        today = day_of(runtime.clock())
        if end > today:
            raise ConfigError(f"--to must be before today ({today}): only complete days can be replayed")
        config = runtime.config
        context = context_of(runtime.valuer.valuation.book, config.fx.rates, sensitivity(config.anomalies), today)
        return replay(runtime.database, programs, shipped, first, end, context)


def read_events(file: Path) -> list[Event]:
    """Events from a CSV file; provider and account may be missing.

    Raises:
        ConfigError: which line can't be read.
    """
    from exporter.replay.firing import Event

    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} can't be read: {error}") from None
    found = []
    for number, row in enumerate(rows, start=2):
        try:
            first, last = (date.fromisoformat(row[name]) for name in ("first", "last"))
        except (KeyError, TypeError, ValueError):
            raise ConfigError(f"{file}, line {number}: needs first and last as dates like 2026-01-31") from None
        found.append(Event(row.get("name") or "", first, last, row.get("provider") or "", row.get("account") or ""))
    return found


def as_facts(found: Replayed, events: Sequence[Event]) -> dict[str, object]:
    """A replay as JSON has it."""
    from exporter.replay.firing import score

    return {
        "alerts": {
            name: {
                "sent": [_fired(one) for one in sent],
                **({"score": _scored(score(sent, events))} if events and name in ABOUT_EVENTS else {}),
            }
            for name, sent in found.sent.items()
        },
        "not_replayed": dict(found.left_out),
    }


def _fired(one: Firing) -> dict[str, object]:
    until = one.until.isoformat() if one.until else None
    return {"since": one.since.isoformat(), "until": until, "labels": dict(one.labels)}


def _scored(found: Score) -> dict[str, object]:
    return {
        "precision": found.precision,
        "recall": found.recall,
        "delay_days": found.delay_days,
        "events": found.events,
        "found": found.found,
    }


def _print(found: Replayed, events: Sequence[Event], days: int) -> None:
    from exporter.replay.firing import score

    rows = []
    for name, sent in found.sent.items():
        scored = score(sent, events) if events and name in ABOUT_EVENTS else None
        share = ("–", "–", "–") if scored is None else _shares(scored)
        rows.append((name, str(len(sent)), f"{len(sent) * 30 / days:.1f}", *share))
    show.table(COLUMNS, rows, right=COLUMNS[1:])
    everything = sorted((one for sent in found.sent.values() for one in sent), key=lambda one: one.since)
    if everything:
        show.say("")
        show.table(SENT_COLUMNS, [_row(one) for one in everything])
    for name, why in found.left_out.items():
        show.note(f"{name} can't be replayed: {why}.")


def _shares(found: Score) -> tuple[str, str, str]:
    late = "–" if found.delay_days is None else f"{found.delay_days:g}"
    return (_percent(found.precision), f"{found.found} of {found.events}", late)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _row(one: Firing) -> tuple[str, ...]:
    about = ", ".join(f"{name}={value}" for name, value in one.labels if value and name not in HIDDEN)
    until = one.until.date().isoformat() if one.until else "still"
    return (one.since.date().isoformat(), until, one.alert, about)
