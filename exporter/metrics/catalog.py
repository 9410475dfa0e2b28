"""Every metric this program exports, as data.

One rule: a family is named, typed and described here and nowhere else; snapshot, health instruments and
the reference page are built from these records. What can go down is a gauge; counters end in ``_total``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["gauge", "counter", "histogram"]


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric family. A sample's label values stand in the order of `labels`."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


def _gauge(name: str, labels: tuple[str, ...], text: str) -> Definition:
    return Definition(name, "gauge", text, labels)


def _counter(name: str, labels: tuple[str, ...], text: str) -> Definition:
    return Definition(name, "counter", text, labels)


ACCOUNT = ("provider", "account")
REPORT = (*ACCOUNT, "report")
TEAM = (*ACCOUNT, "team", "category")
COMMON = (*ACCOUNT, "team", "scope", "model", "category", "source")
TOKENS = (*ACCOUNT, "team", "scope", "model", "token_type", "service_tier")

FOLDABLE = ("scope", "model")
"""Labels that give way to `OTHER` when a family would grow beyond the cap."""
OTHER = "other"

FAILURE_REASONS = ("needs_attention", "try_later", "unexpected_reply", "unit_mismatch", "beyond_history", "error")
ROW_OUTCOMES = ("inserted", "updated", "deleted", "unchanged")

_DAY = "Days are UTC days; as of the last sync."
_MONTH = "Months are calendar months in UTC; as of the last sync."

# Money: the best figure for each account and day, counted once.

TODAY_USD = _gauge("spend_today_usd", COMMON, f"Charges of today so far, in US dollars. {_DAY}")
YESTERDAY_USD = _gauge("spend_yesterday_usd", COMMON, f"Charges of yesterday, in US dollars. {_DAY}")
MONTH_TO_DATE_USD = _gauge(
    "spend_month_to_date_usd", COMMON, f"Charges since the first of the month, in US dollars. {_MONTH}"
)
PREVIOUS_MONTH_USD = _gauge(
    "spend_previous_month_usd", TEAM, f"Charges of the whole previous month, in US dollars. {_MONTH}"
)
PREVIOUS_MONTH_SAME_DAY_USD = _gauge(
    "spend_previous_month_same_day_usd",
    TEAM,
    f"Charges of the previous month up to today's day of the month, in US dollars. {_MONTH}",
)
ESTIMATED_MONTH_TO_DATE_USD = _gauge(
    "spend_estimated_month_to_date_usd",
    TOKENS,
    f"Token usage since the first of the month at list prices, in US dollars; an estimate, not a bill. {_MONTH}",
)
BURN_RATE_USD_PER_DAY = _gauge(
    "spend_burn_rate_usd_per_day",
    (*ACCOUNT, "window"),
    f"Mean charges per whole day over the window, in US dollars per day; today is left out. {_DAY}",
)

# Budgets: money allowed per period, in its own time zone. Rules compare these with each other; no number is in a rule.

_BUDGET = "Charges come by UTC days, the period's borders lie in the budget's time zone; as of the last sync."
BUDGET_LIMIT_USD = _gauge(
    "spend_budget_limit_usd",
    ("budget",),
    f"Money allowed for the current period, in US dollars at the newest known rate. {_BUDGET}",
)
BUDGET_SPENT_USD = _gauge(
    "spend_budget_spent_usd",
    ("budget",),
    f"Charges of the current period so far, in US dollars; absent while nothing is known of its accounts. {_BUDGET}",
)
BUDGET_FORECAST_USD = _gauge(
    "spend_budget_forecast_usd",
    ("budget",),
    f"Charges expected by the end of the current period, in US dollars; absent without a forecast. {_BUDGET}",
)
BUDGET_THRESHOLD_RATIO = _gauge(
    "spend_budget_threshold_ratio",
    ("budget", "level", "basis"),
    "From which share of the limit on a level is reached, by what it is compared with: the actual or the forecast "
    "figure; as of the last sync. Absent where the limit is 0 and the level is stated in money.",
)
BUDGET_THRESHOLD_USD = _gauge(
    "spend_budget_threshold_usd",
    ("budget", "level", "basis"),
    "From how much money on a level is reached, in US dollars: at exactly this much it is. "
    f"A threshold of 0 is reached by the first charge. {_BUDGET}",
)
BUDGET_BURN_RATE_USD_PER_DAY = _gauge(
    "spend_budget_burn_rate_usd_per_day",
    ("budget", "window"),
    f"Mean charges per complete day over the window, in US dollars per day; today is left out. {_BUDGET}",
)
BUDGET_AT_THIS_RATE_USD = _gauge(
    "spend_budget_at_this_rate_usd",
    ("budget",),
    "Charges by the end of the period if every day from today on is like the mean of the last 7, in US dollars. "
    f"{_BUDGET}",
)
BUDGET_PERIOD_START = _gauge(
    "spend_budget_period_start_timestamp_seconds",
    ("budget",),
    "When the current period began, in seconds since the epoch; absent before a custom period's start.",
)
BUDGET_PERIOD_END = _gauge(
    "spend_budget_period_end_timestamp_seconds",
    ("budget",),
    "When the current period ends, in seconds since the epoch.",
)
BUDGET_EXHAUSTION = _gauge(
    "spend_budget_exhaustion_timestamp_seconds",
    ("budget",),
    "When the money of the current period ran or runs out, in seconds since the epoch; absent when it lasts.",
)
BUDGET_INFO = _gauge(
    "spend_budget_info",
    ("budget", "name", "team", "provider", "account", "period", "time_zone", "currency", "parent"),
    "What a budget is called, what it is for, its period and the budget it is a part of; always 1.",
)

# Quantities.

TOKENS_TODAY = _gauge(
    "spend_tokens_today", TOKENS, f"Tokens processed today so far; token types are disjoint, so they add up. {_DAY}"
)
TOKENS_MONTH_TO_DATE = _gauge(
    "spend_tokens_month_to_date",
    TOKENS,
    f"Tokens processed since the first of the month; token types are disjoint, so they add up. {_MONTH}",
)
REQUESTS_TODAY = _gauge(
    "spend_requests_today", (*ACCOUNT, "team", "scope", "model"), f"Requests made to the provider today so far. {_DAY}"
)
UNPRICED_TOKENS_MONTH_TO_DATE = _gauge(
    "spend_unpriced_tokens_month_to_date",
    ("provider", "model"),
    f"Tokens since the first of the month that no list price is known for; missing from estimates. {_MONTH}",
)

# Books: counters kept in the database, the same on every replica, surviving restarts.

RECOGNIZED_USD = _counter(
    "spend_recognized_usd_total",
    ACCOUNT,
    "Every increase of stored charges, in US dollars, of whatever UTC day; as of the last sync. "
    "Net spend that became known: increase of this minus increase of spend_reversed_usd_total.",
)
REVERSED_USD = _counter(
    "spend_reversed_usd_total",
    ACCOUNT,
    "Every decrease of stored charges by a restatement or credit, in US dollars, of whatever UTC day; "
    "as of the last sync.",
)
TOKENS_RECOGNIZED = _counter(
    "spend_tokens_recognized_total",
    (*ACCOUNT, "token_type"),
    "Every increase of stored token usage, in tokens, of whatever UTC day; as of the last sync.",
)
TOKENS_REVERSED = _counter(
    "spend_tokens_reversed_total",
    (*ACCOUNT, "token_type"),
    "Every decrease of stored token usage by a restatement, in tokens, of whatever UTC day; as of the last sync.",
)

# Names. Join on them: ... * on (provider, account) group_left (name) spend_account_info.

ACCOUNT_INFO = _gauge(
    "spend_account_info", (*ACCOUNT, "name", "team", "category"), "What an account is called, whose it is; always 1."
)
SCOPE_INFO = _gauge(
    "spend_scope_info",
    (*ACCOUNT, "scope", "name"),
    "What the provider calls a project, workspace or resource; always 1.",
)

# How far the figures can be trusted.

RECONCILIATION_RATIO = _gauge(
    "spend_reconciliation_ratio",
    ACCOUNT,
    "Billed charges divided by the estimate at list prices, over the same settled UTC days; as of the last sync.",
)
DATA_LATEST = _gauge(
    "spend_data_latest_timestamp_seconds",
    REPORT,
    "End of the newest stored period, in seconds since the epoch; as of the last sync.",
)
DATA_SETTLED = _gauge(
    "spend_data_settled_timestamp_seconds",
    REPORT,
    "Figures before this moment are not expected to change any more, in seconds since the epoch; as of the last sync.",
)
PROVIDER_UP = _gauge("spend_provider_up", ACCOUNT, "1 when the account's last sync succeeded, 0 when it failed.")
LAST_SUCCESS = _gauge(
    "spend_sync_last_success_timestamp_seconds",
    ACCOUNT,
    "When the account was last synced with success, in seconds since the epoch; absent before the first time.",
)
CONSECUTIVE_FAILURES = _gauge(
    "spend_sync_consecutive_failures", ACCOUNT, "Failed syncs since the last one that succeeded; as of the last sync."
)
LAST_DURATION = _gauge(
    "spend_sync_last_duration_seconds", ACCOUNT, "How long the account's last sync took, in seconds."
)
LAST_FAILURE = _gauge(
    "spend_sync_last_failure_info",
    (*ACCOUNT, "reason"),
    f"Why the account's last sync failed ({', '.join(FAILURE_REASONS)}); 1 while it fails, absent otherwise.",
)
BACKFILL_PROGRESS = _gauge(
    "spend_backfill_progress_ratio",
    REPORT,
    "Share of the wanted history that is stored, from 0 to 1; as of the last sync.",
)

# The exporter's own health. These start anew with the process and differ between replicas.

SYNC_RUNS = _counter("spend_exporter_sync_runs_total", ACCOUNT, "Syncs this process finished, failed ones included.")
SYNC_FAILURES = _counter(
    "spend_exporter_sync_failures_total", (*ACCOUNT, "reason"), "Syncs this process could not finish, by reason."
)
SYNC_ROWS = _counter(
    "spend_exporter_sync_rows_total",
    (*ACCOUNT, "outcome"),
    f"Usage and charge rows synced by this process, by outcome ({', '.join(ROW_OUTCOMES)}).",
)
RESTATED_ROWS = _counter(
    "spend_exporter_restated_rows_total", ACCOUNT, "Stored rows that a provider later changed or withdrew."
)
PROVIDER_REQUESTS = _counter(
    "spend_exporter_provider_requests_total",
    ("provider", "code_class"),
    "HTTP requests sent to providers, by class of the status code.",
)
PROVIDER_REQUEST_DURATION = Definition(
    "spend_exporter_provider_request_duration_seconds",
    "histogram",
    "How long a provider took to answer one request, in seconds.",
    ("provider",),
)
PROVIDER_THROTTLED = _counter(
    "spend_exporter_provider_throttled_total", ("provider",), "Requests a provider refused as too many."
)
PROVIDER_UNKNOWN_FIELDS = _counter(
    "spend_exporter_provider_unknown_fields_total",
    ("provider",),
    "Fields seen in replies that this program does not know; a sign that the provider's contract drifts.",
)
SERIES = _gauge("spend_exporter_series", (), "Series in the published snapshot, without the exporter's own.")
SERIES_FOLDED = _gauge(
    "spend_exporter_series_folded",
    ("metric",),
    "Series beyond the cap that were added up in scope and model other; sums are unchanged.",
)
SNAPSHOT_TIMESTAMP = _gauge(
    "spend_exporter_snapshot_timestamp_seconds", (), "When the published figures were read, in seconds since the epoch."
)
PUBLISH_DURATION = Definition(
    "spend_exporter_publish_duration_seconds",
    "histogram",
    "How long it took to read and render the figures, in seconds; the publication in progress is not in it.",
)
DATABASE_UP = _gauge(
    "spend_exporter_database_up",
    (),
    "1 when the database answered last time; at 0 the figures shown are the last known.",
)
LEASES = _gauge("spend_exporter_leases", (), "Accounts this process holds the lease of, that is, is syncing now.")
BUILD_INFO = _gauge(
    "spend_exporter_build_info", ("version", "revision", "python"), "Which build of the program this is; always 1."
)
CONFIG_LAST_RELOAD_SUCCESSFUL = _gauge(
    "spend_exporter_config_last_reload_successful", (), "1 when the last attempt to load the configuration succeeded."
)
CONFIG_LAST_RELOAD_SUCCESS = _gauge(
    "spend_exporter_config_last_reload_success_timestamp_seconds",
    (),
    "When the configuration was last loaded with success, in seconds since the epoch.",
)

DEFINITIONS: tuple[Definition, ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Definition)
)
"""All of the above, in the order written."""
EXPORTER = tuple(definition for definition in DEFINITIONS if definition.name.startswith("spend_exporter_"))
PRODUCT = tuple(definition for definition in DEFINITIONS if definition not in EXPORTER)
