"""`anomalies` without a file: what is stored, what people say of it, and changes that are announced.

One rule: a row tells why in the words of the alert.
"""

from __future__ import annotations

import os
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exporter.cli import show, work
from exporter.domain import day_of
from exporter.errors import ConfigError

if TYPE_CHECKING:
    from exporter.store.anomalies import Anomaly, Incident

LISTED = timedelta(days=90)
COLUMNS = ("id", "since", "where", "kind", "severity", "excess", "state")
PLAN_COLUMNS = ("id", "where", "from", "to", "by", "note")

Id = Annotated[int, typer.Argument(help="The anomaly's number.", metavar="ID")]
Note = Annotated[str, typer.Option(help="Why, for those who look later.", metavar="TEXT")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


def register(group: typer.Typer) -> None:
    """Add what can be said of stored anomalies."""
    for command in (confirm, dismiss, expect, plan, plans, unplan):
        group.command()(command)


def confirm(anomaly: Id, *, note: Note = "") -> None:
    """It is one: somebody has to do something. It stays open until it is past."""
    _judge(anomaly, "confirmed", note)


def dismiss(anomaly: Id, *, note: Note = "") -> None:
    """It is none: nobody should have been told."""
    _judge(anomaly, "dismissed", note)


def expect(anomaly: Id, *, note: Note = "") -> None:
    """It was meant to be, like a launch."""
    _judge(anomaly, "expected", note)


def plan(
    *,
    account: Annotated[str, typer.Option(help="Whose spend will change.", metavar="ID")],
    first: Annotated[str, typer.Option("--from", help="The first UTC day.", metavar="DATE")],
    last: Annotated[str, typer.Option("--to", help="The last UTC day; it counts.", metavar="DATE")],
    scope: Annotated[str, typer.Option(help="Of this project, workspace or resource alone.", metavar="ID")] = "",
    model: Annotated[str, typer.Option(help="Of this model alone.")] = "",
    note: Note = "",
) -> None:
    """Announce a change of spend.

    Anomalies that begin from one day to the other and are mostly made by what is named here are not reported.
    """
    from exporter.store import planned
    from exporter.store.planned import PlannedChange

    with work.opened() as runtime:
        change = PlannedChange(
            account=account,
            scope=scope,
            model=model,
            first_day=_day(first, "--from"),
            last_day=_day(last, "--to"),
            note=note,
            planned_by=_who(),
            created_at=runtime.clock(),
        )
        id_ = runtime.database.call(planned.add, change)
    show.say(f"Planned change {id_}: from {first} to {last}. It holds from the next analysis on.")


def plans(*, as_json: Json = False) -> None:
    """All changes that were announced."""
    from dataclasses import asdict

    from exporter.store import planned

    with work.opened() as runtime:
        found = runtime.database.call(planned.every)
    if as_json:
        show.as_json([asdict(one) for one in found])
    elif found:
        rows = [
            (one.id, _place(one.account, one.scope, one.model), one.first_day, one.last_day, one.planned_by, one.note)
            for one in found
        ]
        show.table(PLAN_COLUMNS, rows, right=("id",))
    else:
        show.say("No change is planned; announce one with `spend-exporter anomalies plan`.")


def unplan(change: Annotated[int, typer.Argument(help="The planned change's number.", metavar="ID")]) -> None:
    """Forget an announced change."""
    from exporter.store import planned

    with work.opened() as runtime:
        runtime.database.call(planned.remove, change)
    show.say(f"Planned change {change} is forgotten.")


def print_stored(*, everything: bool, as_json: bool) -> None:
    """Incidents that began in the last 90 days, the newest first."""
    from exporter.store import anomalies

    with work.opened() as runtime:
        now: datetime = runtime.clock()
        found = runtime.database.call(anomalies.since, day_of(now - LISTED), now)
        judged = runtime.database.call(anomalies.judged)
    shown = [one for one in reversed(found) if everything or _stands(one)]
    if as_json:
        show.as_json([_facts(one) for one in shown])
    elif shown:
        show.table(COLUMNS, [_row(one) for one in shown], right=("id", "excess"))
        show.say("")
        for one in shown:
            show.say(f"{one.id}: {one.incident.explanation}")
    elif judged:
        show.say("No day of the last 90 was unusual.")
    else:
        show.say("Nothing was judged yet. `spend-exporter analyse` does it now, `serve` whenever figures change.")


def _judge(anomaly: int, verdict: str, note: str) -> None:
    from exporter.store import verdicts

    with work.opened() as runtime:
        runtime.database.call(verdicts.judge, anomaly, verdict, by=_who(), note=note, now=runtime.clock())
    show.say(f"Anomaly {anomaly} is {verdict}. A running exporter publishes it within a minute.")


def _stands(one: Anomaly) -> bool:
    return one.part_of is None and one.withdrawn_at is None and one.incident.planned is None


def _row(one: Anomaly) -> tuple[object, ...]:
    incident = one.incident
    kind = incident.kind.replace("_", " ") + (", stayed" if incident.became != incident.kind else "")
    return (one.id, incident.day, _where(incident), kind, incident.severity, _excess(incident), _state(one))


def _excess(incident: Incident) -> str:
    sign, size = ("+" if incident.excess >= 0 else "−"), abs(incident.excess)
    return f"{sign}{size:,.0f} requests" if incident.kind == "requests" else f"{sign}${size:,.2f}"


def _state(one: Anomaly) -> str:
    """What matters most of it."""
    if one.withdrawn_at is not None:
        return "withdrawn"
    if one.part_of is not None:
        return f"part of {one.part_of}"
    if one.incident.planned is not None:
        return f"planned {one.incident.planned}"
    return one.verdict or ("open" if one.open else "over")


def _where(incident: Incident) -> str:
    return _place(incident.account, incident.scope, incident.model)


def _place(*words: str) -> str:
    return " / ".join(word for word in words if word) or "everything"


def _facts(one: Anomaly) -> dict[str, Any]:
    """Everything, for a program."""
    from dataclasses import asdict

    facts = asdict(one.incident)
    subject = {"provider": one.subject.provider, "team": one.subject.team}
    own = {name: getattr(one, name) for name in one.__slots__ if name not in ("subject", "incident")}
    since, why = {"since": facts.pop("day")}, {"excess": one.incident.excess, "why": facts.pop("explanation")}
    return {"id": own.pop("id")} | subject | since | facts | why | own


def _day(word: str, option: str) -> date:
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise ConfigError(f"{option} must be a date such as 2026-11-01") from None


def _who() -> str:
    """Who says so, as far as the shell knows."""
    return os.environ.get("USER") or "command line"
