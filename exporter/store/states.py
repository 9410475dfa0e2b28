"""What is known of each report and each run: the memory between two syncs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from exporter.store.facts import Counts
from exporter.store.staging import storable


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportState:
    """[read_from, read_until) has been read without a gap. `missing` says why a report is not available."""

    report: str
    read_from: datetime
    read_until: datetime
    read_at: datetime | None
    read_late_at: datetime | None
    history_done: bool
    missing: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One sync of one account, for the history in `sync_runs`."""

    account: str
    trigger: str
    holder: str
    started_at: datetime
    finished_at: datetime
    pages: int
    counts: Counts
    reason: str = ""  # empty: it went well
    sentence: str = ""
    sample: str = ""


def report_states(db: Connection, account: str) -> dict[str, ReportState]:
    """The states of an account's reports, by report."""
    rows = db.execute(
        text(
            "SELECT report, read_from, read_until, read_at, read_late_at, history_done, missing"
            " FROM report_state WHERE account_id = :account"
        ),
        {"account": account},
    )
    return {row.report: ReportState(**row._asdict()) for row in rows}


def finish_history(db: Connection, account: str, report: str) -> None:
    """Note that there is nothing older to read."""
    db.execute(
        text("UPDATE report_state SET history_done = true WHERE account_id = :account AND report = :report"),
        {"account": account, "report": report},
    )


def reopen_history(db: Connection, account: str) -> None:
    """Forget that there is nothing older to read: somebody asks for more, or asked for less for once."""
    db.execute(text("UPDATE report_state SET history_done = false WHERE account_id = :account"), {"account": account})


def due_times(db: Connection) -> dict[str, datetime]:
    """When each account is to be synced next."""
    rows = db.execute(text("SELECT account_id, due_at FROM sync_state"))
    return {account: due for account, due in rows}  # noqa: C416 (a row is no pair to the type checker)


def mark_missing(
    db: Connection, account: str, report: str, source: str, end: datetime, now: datetime, why: str
) -> None:
    """Note that an optional report is not enabled for the account. What was read of it before stays.

    A report that was never read gets an empty stretch at `end`, so that it begins there when it is enabled.
    """
    db.execute(
        text(
            "INSERT INTO report_state AS r (account_id, report, source, read_from, read_until, read_at,"
            " settled_until, wanted_from, missing)"
            " VALUES (:account, :report, :source, :end, :end, :now, 'epoch', :end, :why)"
            " ON CONFLICT (account_id, report) DO UPDATE SET read_at = excluded.read_at, missing = excluded.missing"
        ),
        {"account": account, "report": report, "source": source, "end": end, "now": now, "why": storable(why)},
    )


def names_read_at(db: Connection, account: str) -> datetime | None:
    """When the provider's names were last read."""
    found: datetime | None = db.execute(
        text("SELECT names_read_at FROM sync_state WHERE account_id = :account"), {"account": account}
    ).scalar()
    return found


def record_run(db: Connection, run: Run) -> int:
    """Add a run to the history and its outcome to the account's state. Returns the failures in a row."""
    db.execute(
        text(
            "INSERT INTO sync_runs (account_id, trigger, holder, started_at, finished_at, outcome, reason, sentence,"
            " sample, pages, inserted, updated, deleted, unchanged) VALUES (:account, :trigger, :holder, :started_at,"
            " :finished_at, :outcome, :reason, :sentence, :sample, :pages, :inserted, :updated, :deleted, :unchanged)"
        ),
        _run_values(run),
    )
    failures: int = db.execute(
        text(
            "UPDATE sync_state SET failure_reason = :reason, failure_sentence = :sentence, last_duration = :seconds,"
            " consecutive_failures = CASE WHEN :reason = '' THEN 0 ELSE consecutive_failures + 1 END,"
            " last_success_at = CASE WHEN :reason = '' THEN :finished_at ELSE last_success_at END"
            " WHERE account_id = :account RETURNING consecutive_failures"
        ),
        _run_values(run) | {"seconds": (run.finished_at - run.started_at).total_seconds()},
    ).scalar_one()
    return failures


def _run_values(run: Run) -> dict[str, Any]:
    return {
        "account": run.account,
        "trigger": run.trigger,
        "holder": run.holder,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "outcome": "failed" if run.reason else "ok",
        "reason": run.reason,
        "sentence": storable(run.sentence),
        "sample": storable(run.sample),
        "pages": run.pages,
        "inserted": run.counts.inserted,
        "updated": run.counts.updated,
        "deleted": run.counts.deleted,
        "unchanged": run.counts.unchanged,
    }
