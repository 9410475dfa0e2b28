"""Queries: Postgres for what was and will be, Prometheus for what is now.

One rule: a condition on a variable is written by `picked` or `latest`, so that All, several values and values without
any row work the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

from grafana_foundation_sdk.builders.prometheus import Dataquery as PrometheusBuilder
from grafana_foundation_sdk.cog import builder as cog
from grafana_foundation_sdk.cog import variants
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

POSTGRES = DataSourceRef("grafana-postgresql-datasource", "spend-postgres")
PROMETHEUS = DataSourceRef("prometheus", "spend-prometheus")

REPLICAS = "instance, job, pod, node, replica, prometheus_replica"
"""Labels that tell one target from another; as in recording-rules/."""

Format = Literal["table", "time_series"]


@dataclass(frozen=True, slots=True)
class SqlQuery(variants.Dataquery):
    """What Grafana's PostgreSQL data source is sent. The SDK has no model of it."""

    sql: str
    format: Format
    ref_id: str

    def to_json(self) -> dict[str, object]:
        """As Grafana's query editor writes it."""
        return {
            "datasource": POSTGRES,
            "editorMode": "code",
            "format": self.format,
            "rawQuery": True,
            "rawSql": self.sql,
            "refId": self.ref_id,
        }


@dataclass(slots=True)
class Sql(cog.Builder[variants.Dataquery]):
    """A query of Postgres. A time series needs the columns time (first) and metric, and one number per line."""

    text: str
    format: Format = "table"
    letter: str = "A"

    def ref_id(self, letter: str) -> Self:
        """Name it within its panel."""
        self.letter = letter
        return self

    def build(self) -> SqlQuery:
        """The query, with one line per line of text and no more."""
        lines = (line.strip() for line in self.text.strip().splitlines())
        return SqlQuery("\n".join(line for line in lines if line), self.format, self.letter)


Query = Sql | PrometheusBuilder


def table_of(text: str) -> Sql:
    """Rows as they are."""
    return Sql(text)


def series_of(text: str) -> Sql:
    """One line for each value of the column `metric`. Sort by time: Grafana refuses anything else."""
    return Sql(text, "time_series")


def now_of(expr: str, legend: str = "", *, table: bool = False) -> PrometheusBuilder:
    """The present value of an expression. `legend` is a template such as `{{provider}}`."""
    query = PrometheusBuilder().expr(expr).instant().legend_format(legend or "__auto").datasource(PROMETHEUS)
    return query.format(PromQueryFormat.TABLE if table else PromQueryFormat.TIME_SERIES)


def course_of(expr: str, legend: str = "") -> PrometheusBuilder:
    """How an expression went over the dashboard's time range, as far as Prometheus remembers."""
    return PrometheusBuilder().expr(expr).range().legend_format(legend or "__auto").datasource(PROMETHEUS)


def latest(metric: str, *variables: str, **matchers: str) -> str:
    """One copy of a metric that every replica reports, narrowed to what is picked.

    `variables` are labels that are narrowed by the variable of the same name, `matchers` fixed values of other labels.
    """
    narrowed = [f'{name}=~"${name}"' for name in variables]
    fixed = [f'{name}="{value}"' for name, value in matchers.items()]
    inside = ", ".join([*narrowed, *fixed])
    return f"max without ({REPLICAS}) ({metric}{{{inside}}})"


def picked(column: str, variable: str) -> str:
    """SQL: true where the column is what the variable says.

    With All the comparison of two constants is true, and the planner drops the rest. Dollar quotes, because a value may
    hold a quote.
    """
    value = f"$$${{{variable}:regex}}$$"
    return f"({value} = '.*' OR {column} ~ ('^(?:' || {value} || ')$'))"


ACCOUNTS = (
    "account_id IN (SELECT id FROM accounts"
    f" WHERE {picked('provider', 'provider')} AND {picked('id', 'account')} AND {picked('team', 'team')})"
)
"""SQL: the row's account is among those picked by provider, account and team."""

SOURCE = (
    "CASE source WHEN 'cost_api' THEN 'API' WHEN 'priced_usage' THEN 'Estimate' WHEN 'request' THEN 'Estimate'"
    " WHEN 'manual' THEN 'Manual' WHEN 'import' THEN 'Import' WHEN 'invoice' THEN 'Import' ELSE source END"
)
"""SQL: where a charge came from, as the badge says it. An invoice was imported, as in the metrics' source label."""

SOURCES = f"('${{source:raw}}' = '.*' OR lower({SOURCE}) ~ '^(?:${{source:raw}})$')"
"""SQL: the row's source is among those picked."""

MODELS, SCOPES = picked("model", "model"), picked("scope", "scope")
"""SQL: the row's model or scope is among those picked."""

CHARGES = f"{ACCOUNTS} AND {MODELS} AND {SCOPES} AND {SOURCES}"
"""SQL: a row of `best_charges` fits everything that is picked."""

_ALL = "$$${model:regex}|${scope:regex}$$ = '.*|.*'"
_COLUMNS = "day, provider, account_id, team, category, source, confidence, amount_usd"
SPEND = f"""(
    SELECT {_COLUMNS} FROM daily_spend WHERE {_ALL} AND {ACCOUNTS} AND {SOURCES}
    UNION ALL
    SELECT {_COLUMNS} FROM best_charges WHERE NOT {_ALL} AND {CHARGES}
) spend"""
"""SQL, after FROM: the charges that fit everything that is picked, without model and scope. One row for each account
and day as long as neither is picked, which is many times faster; the planner drops the half that is not needed."""

FIRST_DAY = "($__timeFrom()::timestamptz AT TIME ZONE 'UTC')::date"
LAST_DAY = "($__timeTo()::timestamptz AT TIME ZONE 'UTC')::date"
DAYS = f"day BETWEEN {FIRST_DAY} AND {LAST_DAY}"
"""SQL: the column `day` lies in the dashboard's time range. Days are whole UTC days."""

_LONG = f"{LAST_DAY} - {FIRST_DAY}"
BUCKET = f"CASE WHEN {_LONG} > 1096 THEN 'month' WHEN {_LONG} > 366 THEN 'week' ELSE 'day' END"
TIME = f"date_trunc({BUCKET}, day::timestamp) AT TIME ZONE 'UTC'"
"""SQL: the bar a day belongs to. A year shows days, three years show weeks, more shows months."""


def moment(column: str) -> str:
    """SQL: a date as the moment its UTC day begins, which is what Grafana takes for a time."""
    return f"({column})::timestamp AT TIME ZONE 'UTC'"


def named(column: str, names: Mapping[str, str]) -> str:
    """SQL: other words for a column's values; unknown values stay as they are."""
    cases = " ".join(f"WHEN '{value}' THEN '{name}'" for value, name in names.items())
    return f"CASE {column} {cases} ELSE {column} END"
