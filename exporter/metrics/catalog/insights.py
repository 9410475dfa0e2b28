"""What the analysis of stored figures says: forecasts, nowcasts, anomalies, trends, savings, reconciliation."""

from __future__ import annotations

from exporter.metrics.catalog.definition import ACCOUNT, gauge

HORIZONS = ("month_end", "quarter_end", "30d", "60d", "90d")
GROUPS = ("total", "provider", "team")
TREND_STATES = ("increasing", "decreasing", "stable")
SEVERITIES = ("low", "medium", "high", "critical")
VERDICTS = ("confirmed", "dismissed", "expected", "open")
SAVING_KINDS = ("batch", "cache", "model", "seat", "tail")

_MADE = "Days are UTC days; made by the last analysis from figures as of the last sync."

# Forecasts. `month_end` and `quarter_end` are whole-period totals, with what was spent so far; `30d` … lie ahead only.

_OWN = (*ACCOUNT, "team", "horizon")
_GROUP = ("group", "name", "horizon")
_AHEAD = (
    "by the end of the calendar month or quarter with what was spent so far, or over the next 30, 60 or 90 days from "
    "today on"
)
_BOUND = "bound of the 95 % range of"
FORECAST_USD = gauge("spend_forecast_usd", _OWN, f"Charges expected {_AHEAD}, in US dollars. {_MADE}")
FORECAST_LOWER_USD = gauge(
    "spend_forecast_lower_usd", _OWN, f"Lower {_BOUND} spend_forecast_usd, in US dollars. {_MADE}"
)
FORECAST_UPPER_USD = gauge(
    "spend_forecast_upper_usd", _OWN, f"Upper {_BOUND} spend_forecast_usd, in US dollars. {_MADE}"
)
GROUP_FORECAST_USD = gauge(
    "spend_group_forecast_usd",
    _GROUP,
    f"Charges of a provider, a team or everything (group total) expected {_AHEAD}, in US dollars; forecast as one "
    f"series, so it need not be the sum of its accounts. {_MADE}",
)
GROUP_FORECAST_LOWER_USD = gauge(
    "spend_group_forecast_lower_usd", _GROUP, f"Lower {_BOUND} spend_group_forecast_usd, in US dollars. {_MADE}"
)
GROUP_FORECAST_UPPER_USD = gauge(
    "spend_group_forecast_upper_usd", _GROUP, f"Upper {_BOUND} spend_group_forecast_usd, in US dollars. {_MADE}"
)
FORECAST_INFO = gauge(
    "spend_forecast_info",
    (*ACCOUNT, "volatility"),
    "How restless an account's spend is: calm, medium, wild, or new (under 14 days, a simple projection); always 1. "
    "docs/forecasting.md says what error to expect of each.",
)
_SCORED = "Over past forecasts of the account whose days are complete"
FORECAST_ERROR_RATIO = gauge(
    "spend_forecast_error_ratio",
    (*ACCOUNT, "horizon"),
    f"{_SCORED}: mean distance of the forecast total from what came, divided by what came; as of the last sync.",
)
FORECAST_COVERAGE_RATIO = gauge(
    "spend_forecast_coverage_ratio",
    (*ACCOUNT, "horizon"),
    f"{_SCORED}: share whose 95 % range held what came; as of the last sync.",
)
FORECAST_SKILL_RATIO = gauge(
    "spend_forecast_skill_ratio",
    (*ACCOUNT, "horizon"),
    f"{_SCORED}: 1 minus the forecast's error divided by that of the mean of the 30 days before; above 0 it is "
    "better than carrying on at this rate; as of the last sync.",
)

# Nowcasts: what a day that is still filling up will come to.

_DAY = (*ACCOUNT, "team", "day")
NOWCAST_USD = gauge(
    "spend_nowcast_usd",
    _DAY,
    "What today or yesterday is expected to come to once its figures are complete, in US dollars; day is today or "
    f"yesterday. {_MADE}",
)
NOWCAST_LOWER_USD = gauge("spend_nowcast_lower_usd", _DAY, f"Lower {_BOUND} spend_nowcast_usd, in US dollars. {_MADE}")
NOWCAST_UPPER_USD = gauge("spend_nowcast_upper_usd", _DAY, f"Upper {_BOUND} spend_nowcast_usd, in US dollars. {_MADE}")
NOWCAST_COMPLETENESS_RATIO = gauge(
    "spend_nowcast_completeness_ratio",
    (*ACCOUNT, "day"),
    "Share of a day's final figure that is usually there by now, from 0 to 1; as of the last sync.",
)
BUDGET_NOWCAST_USD = gauge(
    "spend_budget_nowcast_usd",
    ("budget",),
    "Charges of the budget's current period by the end of today's UTC day: what was spent so far, with today and "
    "yesterday completed, in US dollars; absent for budgets of tags. Made by the last analysis from figures as of the "
    "last sync.",
)
BUDGET_FORECAST_LOWER_USD = gauge(
    "spend_budget_forecast_lower_usd",
    ("budget",),
    f"Lower {_BOUND} spend_budget_forecast_usd, in US dollars. {_MADE}",
)
BUDGET_FORECAST_UPPER_USD = gauge(
    "spend_budget_forecast_upper_usd",
    ("budget",),
    f"Upper {_BOUND} spend_budget_forecast_usd, in US dollars. {_MADE}",
)

# Anomalies: one event per incident; these are the events that are open.

_WHERE = (*ACCOUNT, "scope", "model")
ANOMALY_ACTIVE = gauge(
    "spend_anomaly_active",
    (*_WHERE, "kind", "severity"),
    "1 while an anomaly is open: from the day it was found until its last day is past, unless it was dismissed or "
    "expected. An empty provider means all accounts together.",
)
ANOMALY_SCORE = gauge(
    "spend_anomaly_score", _WHERE, "How far the open anomaly's day lies outside the usual; 4 is the border."
)
ANOMALY_EXCESS_USD = gauge(
    "spend_anomaly_excess_usd",
    _WHERE,
    f"Money of the open anomaly's first day beyond the expected, negative when missing, in US dollars. {_MADE}",
)
ANOMALY_EXPECTED_USD = gauge(
    "spend_anomaly_expected_usd", _WHERE, f"What was expected of the open anomaly's first day, in US dollars. {_MADE}"
)
ANOMALY_INFO = gauge(
    "spend_anomaly_info",
    (*_WHERE, "anomaly", "since", "why"),
    "The open anomaly's number, its first day and why: price, volume, mix, new scopes and the top contributors; "
    "always 1.",
)
ANOMALY_FEEDBACK = gauge(
    "spend_anomaly_feedback",
    ("verdict",),
    f"Anomalies of the last 365 days by what people said of them ({', '.join(VERDICTS)}: nothing yet).",
)
ANOMALY_PRECISION_RATIO = gauge(
    "spend_anomaly_precision_ratio",
    (),
    "Share of the judged anomalies of the last 365 days that were confirmed; absent before the first judgement; "
    "as of the last sync.",
)

# Trends.

TREND_USD_PER_DAY = gauge(
    "spend_trend_usd_per_day",
    ACCOUNT,
    f"How much dearer each day is than the one before, weekday pattern aside, in US dollars per day. {_MADE}",
)
TREND_STATE = gauge(
    "spend_trend_state",
    (*ACCOUNT, "state"),
    f"1 for the state of the trend ({', '.join(TREND_STATES)}), 0 for the others.",
)
GROWTH_RATIO = gauge(
    "spend_growth_ratio",
    (*ACCOUNT, "window"),
    "Charges of the last 7, 30 or 90 complete days divided by those of as many days before, minus 1; "
    "as of the last sync.",
)

# Savings and unit costs.

POTENTIAL_SAVING_USD = gauge(
    "spend_potential_saving_usd",
    (*ACCOUNT, "model", "kind"),
    "What a month would cost less by a change of model, by batching, by better caching, by giving up idle seats, or "
    f"by shorter prompts and less reasoning (tail), in US dollars per 30 days; kinds overlap, so don't add them up. "
    f"{_MADE}",
)
CACHE_HIT_RATIO = gauge(
    "spend_cache_hit_ratio",
    (*ACCOUNT, "model"),
    "Share of input tokens of the last 30 complete days that were read from the cache; as of the last sync.",
)
CACHE_NET_SAVING_USD = gauge(
    "spend_cache_net_saving_usd",
    (*ACCOUNT, "model"),
    "What caching saved over the last 30 complete days at today's prices, less what writing to the cache cost more; "
    f"negative when writes were never read, in US dollars. {_MADE}",
)
COST_PER_REQUEST_USD = gauge(
    "spend_cost_per_request_usd",
    (*ACCOUNT, "model"),
    "Estimated charges per request over the last 30 complete days, at the discount the account is billed with, in US "
    f"dollars. {_MADE}",
)

# Reconciliation.

INVOICE_DIFFERENCE_USD = gauge(
    "spend_invoice_difference_usd",
    ACCOUNT,
    "Entered invoice of the newest month that has one minus what the provider's cost report says of that calendar "
    "month in UTC, in US dollars; absent without an invoice; as of the last sync.",
)

# The analysis itself.

ANALYSIS_LAST_SUCCESS = gauge(
    "spend_analysis_last_success_timestamp_seconds",
    (),
    "When forecasts, anomalies, trends and savings were last worked out, in seconds since the epoch.",
)
