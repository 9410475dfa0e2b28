"""What `accounts list` and `accounts show` print. One rule: of a credential only its name is shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from exporter.cli import show
from exporter.errors import ConfigError, SpendError

if TYPE_CHECKING:
    from exporter.app import Runtime
    from exporter.store.accounts import StoredAccount
    from exporter.store.figures import AccountFigures

COLUMNS = ("id", "provider", "team", "state", "last success", "next due", "origin")
REPORT_COLUMNS = ("report", "history", "data until", "settled until")


class Row(NamedTuple):
    """One account in the list."""

    id: str
    provider: str
    team: str
    state: str
    last_success: datetime | None
    next_due: datetime | None
    origin: str
    failure: str

    def cells(self) -> tuple[str, ...]:
        """As the table shows it; days are enough to find a stale one, minutes to see it move."""
        due = "–" if self.state == "disabled" else _short(self.next_due)
        return (self.id, self.provider, self.team or "–", self.state, _short(self.last_success), due, self.origin)


def rows(runtime: Runtime) -> list[Row]:
    """Every account, by provider and id."""
    from exporter.store import accounts, figures, states

    due = runtime.database.call(states.due_times)
    origins = {stored.id: stored.origin for stored in runtime.database.call(accounts.every)}
    return [
        Row(
            row.account,
            row.provider,
            row.team,
            _state(row),
            row.last_success_at,
            due.get(row.account),
            origins.get(row.account, ""),
            row.failure_sentence,
        )
        for row in runtime.database.call(figures.account_figures)
    ]


def found(runtime: Runtime, account: str) -> StoredAccount:
    """The stored account.

    Raises:
        ConfigError: there is none.
    """
    from exporter.store import accounts

    stored = runtime.database.call(accounts.find, account)
    if stored is None:
        raise ConfigError(f"there is no account {account}; see `spend-exporter accounts list`")
    return stored


def details(runtime: Runtime, account: str) -> dict[str, Any]:
    """Everything about one account that is no secret."""
    stored = found(runtime, account)
    row = next(row for row in rows(runtime) if row.id == account)
    return row._asdict() | {
        "name": stored.name,
        "options": dict(stored.options),
        "credentials_set": _credentials_set(runtime, stored),
        "backfill_days": stored.backfill_days,
        "retention_months": stored.retention_months,
        "reports": _reports(runtime, account),
    }


def print_details(facts: Mapping[str, Any]) -> None:
    """A line for each fact, then the reports."""
    for name, value in facts.items():
        if name != "reports" and value not in ("", None, {}, []):
            show.say(f"{name.replace('_', ' '):<18}{_plain(value)}")
    reports = [
        (report["report"], "not there" if report["missing"] else f"{report['history']:.0%}", *_ends(report))
        for report in facts["reports"]
    ]
    if reports:
        show.table(REPORT_COLUMNS, reports, right=("history",))
    for report in facts["reports"]:
        if report["missing"]:
            show.say(f"{report['report']}: {report['missing']}")


def _credentials_set(runtime: Runtime, stored: StoredAccount) -> list[str]:
    try:
        return sorted(name for name, value in runtime.resolve(stored).credentials.items() if value)
    except SpendError as error:  # declared elsewhere, or its key is lost: worth seeing here
        return [f"({error})"]


def _reports(runtime: Runtime, account: str) -> list[dict[str, Any]]:
    from exporter.store import figures, states

    known = runtime.database.call(states.report_states, account)
    reach = {row.report: row for row in runtime.database.call(figures.report_figures) if row.account == account}
    return [
        {
            "report": name,
            "history": reach[name].progress if name in reach else 0.0,
            "data_until": reach[name].latest_end if name in reach else None,
            "settled_until": reach[name].settled_until if name in reach else None,
            "missing": state.missing,
        }
        for name, state in sorted(known.items())
    ]


def _state(row: AccountFigures) -> str:
    if row.disabled:
        return "disabled"
    if row.syncing:
        return "syncing"
    if row.failure_reason == "needs_attention":
        return "stopped"
    if row.consecutive_failures:
        return "retrying"
    return "ok" if row.last_success_at else "waiting"


def _ends(report: Mapping[str, Any]) -> tuple[str, str]:
    return _short(report["data_until"]), _short(report["settled_until"])


def _short(time: datetime | None) -> str:
    """`11-21 03:19`: seven columns have to fit into 80 characters. All times are UTC."""
    return f"{time:%m-%d %H:%M}" if time else "–"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return show.moment(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={text}" for name, text in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
