"""`forecast` without a file: what the last analysis expects of accounts, groups and everything.

One rule: a series says beside its forecast how good its past ones were, as soon as that is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from exporter.cli import show, work
from exporter.domain import DAY

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from exporter.store.forecasts import Newest, StoredScore

COLUMNS = ("what", "last day", "expected $", "95 % from", "to", "volatility", "missed", "held")
LEVELS = ("total", "provider", "team", "account", "budget")
HORIZONS = ("month_end", "quarter_end", "30d", "60d", "90d")

Found = list[tuple["Newest", "StoredScore | None"]]


def print_stored(*, as_json: bool) -> None:
    """The forecasts that hold, with scores."""
    with work.opened() as runtime:
        found = runtime.database.call(_read, runtime.clock())
    if as_json:
        show.as_json([_facts(*one) for one in found])
    elif found:
        _print(found)
    else:
        show.say("There is no forecast yet. `spend-exporter analyse` makes one now, `serve` whenever figures change.")


def _read(db: Connection, now: Any) -> Found:
    from exporter.publish.forecasts import FEWEST, current
    from exporter.store.forecasts import scores

    known = {(one.key, one.horizon): one for one in scores(db) if one.count >= FEWEST}
    found = [(one, known.get((one.key, one.horizon))) for one in current(db, now)]
    return sorted(found, key=lambda one: _place(one[0]))


def _place(one: Newest) -> tuple[int, str, str, int]:
    return LEVELS.index(one.key.level), one.key.name, one.key.account_id, HORIZONS.index(one.horizon)


def _called(one: Newest) -> str:
    return f"{one.key.level} {one.key.account_id or one.key.name}".strip()


def _facts(one: Newest, score: StoredScore | None) -> dict[str, Any]:
    """Everything, for a program."""
    return {
        "level": one.key.level,
        "name": one.key.account_id or one.key.name,
        "provider": one.provider,
        "team": one.team,
        "horizon": one.horizon,
        "made_on": one.made_on,
        "since": one.since,
        "until": one.until,
        "spent": one.spent,
        "total": one.total,
        "lower": one.lower,
        "upper": one.upper,
        "method": one.method,
        "volatility": one.volatility,
        "score": score and {name: getattr(score, name) for name in ("count", "error", "coverage", "skill")},
    }


def _print(found: Found) -> None:
    """A table for each horizon: the columns are of the same days then."""
    for horizon in HORIZONS:
        if rows := [one for one in found if one[0].horizon == horizon]:
            show.say(_title(horizon))
            show.table(COLUMNS, [_cells(*one) for one in rows], right=(*COLUMNS[2:5], *COLUMNS[6:]))
            show.say("")
    show.say("missed: how far past forecasts were from what came; held: how often the range")
    show.say("held it. Both appear when five are over; one a week counts.")
    show.say(f"Made on {_days(one.made_on for one, _ in found)}; days are UTC days.")


def _title(horizon: str) -> str:
    names: Mapping[str, str] = {
        "month_end": "This month, with what was spent so far",
        "quarter_end": "This quarter, with what was spent so far",
    }
    return names.get(horizon, f"The next {horizon.removesuffix('d')} days")


def _cells(one: Newest, score: StoredScore | None) -> tuple[str, ...]:
    amounts = (f"{amount:,.2f}" for amount in (one.total, one.lower, one.upper))
    missed = "–" if score is None or score.error is None else f"{score.error:.0%}"
    held = "–" if score is None else f"{score.coverage:.0%}"
    return (_called(one), f"{one.until - DAY}", *amounts, one.volatility, missed, held)


def _days(made: Iterable[date]) -> str:
    return ", ".join(f"{day}" for day in sorted(set(made)))
