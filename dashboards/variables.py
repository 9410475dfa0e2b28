"""The variables that every dashboard has, so that links can hand the selection on.

One rule: every dashboard carries all of them and shows those that it uses. All is `.*`, which fits rows without a
value, too, and still works where nothing can be picked.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import CustomVariable, QueryVariable
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    VariableHide,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from dashboards.queries import ACCOUNTS, DAYS, POSTGRES, picked


def _seen(column: str) -> str:
    return f"SELECT DISTINCT {column} FROM daily_charges WHERE {DAYS} AND {ACCOUNTS} AND {column} <> ''"


_PROVIDERS = picked("provider", "provider")
_QUERIES = {
    "provider": "SELECT DISTINCT provider FROM accounts",
    "team": f"SELECT DISTINCT team FROM accounts WHERE team <> '' AND {_PROVIDERS}",
    "account": "SELECT coalesce(nullif(name, ''), id) AS __text, id AS __value FROM accounts"
    f" WHERE {_PROVIDERS} AND {picked('team', 'team')}",
    "scope": "SELECT coalesce(n.name, s.scope) AS __text, s.scope AS __value"
    f" FROM ({_seen('scope')}) s LEFT JOIN (SELECT id, max(name) AS name FROM names"
    " WHERE kind = 'scope' GROUP BY id) n ON n.id = s.scope",
    "model": _seen("model"),
    "budget": "SELECT coalesce(nullif(name, ''), id) AS __text, id AS __value FROM budgets",
}
NAMES = (*_QUERIES, "source")
_TOLD = {
    "provider": "Who bills us",
    "team": "Whose accounts",
    "account": "One credential's view of a provider",
    "scope": "The provider's project, workspace or resource",
    "model": "The model that was used; charges without one are in All",
    "budget": "A budget of ours",
}
_SOURCES = {"All": ".*", "API": "api|estimate|request", "Manual": "manual|import"}


def variables(shown: tuple[str, ...]) -> list[Builder[VariableModel]]:
    """All variables in one order; those not in `shown` are hidden, and only passed on.

    Raises:
        ValueError: `shown` names one that does not exist.
    """
    if unknown := set(shown) - set(NAMES):
        raise ValueError(f"there is no variable {', '.join(sorted(unknown))}; known are {', '.join(NAMES)}")
    return [_source(_hide("source", shown)) if name == "source" else _query(name, _hide(name, shown)) for name in NAMES]


def _hide(name: str, shown: tuple[str, ...]) -> VariableHide:
    return VariableHide.DONT_HIDE if name in shown else VariableHide.HIDE_VARIABLE


def _query(name: str, hide: VariableHide) -> QueryVariable:
    variable = QueryVariable(name).label(name.capitalize()).description(_TOLD[name]).hide(hide)
    variable.datasource(POSTGRES).query(_QUERIES[name]).sort(VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
    variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).multi(multi=True).include_all(include_all=True)
    return variable.all_value(".*").current(VariableOption(selected=True, text=["All"], value=["$__all"]))


def _source(hide: VariableHide) -> CustomVariable:
    options = [VariableOption(selected=text == "All", text=text, value=value) for text, value in _SOURCES.items()]
    variable = CustomVariable("source").label("Source").hide(hide).options(options).current(options[0])
    variable.description("API: stated by the provider or priced from its usage. Manual: entered or imported by people")
    return variable.values(", ".join(f"{text} : {value}" for text, value in _SOURCES.items()))
