"""Budgets: money allowed per period, in its own time zone.

Rules compare these families with each other; no amount is written into a rule.
"""

from __future__ import annotations

from exporter.metrics.catalog.definition import gauge

_BUDGET = "Charges come by UTC days, the period's borders lie in the budget's time zone; as of the last sync."
BUDGET_LIMIT_USD = gauge(
    "spend_budget_limit_usd",
    ("budget",),
    f"Money allowed for the current period, in US dollars at the newest known rate. {_BUDGET}",
)
BUDGET_SPENT_USD = gauge(
    "spend_budget_spent_usd",
    ("budget",),
    f"Charges of the current period so far, in US dollars; absent while nothing is known of its accounts. {_BUDGET}",
)
BUDGET_FORECAST_USD = gauge(
    "spend_budget_forecast_usd",
    ("budget",),
    f"Charges expected by the end of the current period, in US dollars; absent without a forecast. {_BUDGET}",
)
BUDGET_THRESHOLD_RATIO = gauge(
    "spend_budget_threshold_ratio",
    ("budget", "level", "basis"),
    "From which share of the limit on a level is reached, by what it is compared with: the actual or the forecast "
    "figure; as of the last sync. Absent where the limit is 0 and the level is stated in money.",
)
BUDGET_THRESHOLD_USD = gauge(
    "spend_budget_threshold_usd",
    ("budget", "level", "basis"),
    "From how much money on a level is reached, in US dollars: at exactly this much it is. "
    f"A threshold of 0 is reached by the first charge. {_BUDGET}",
)
BUDGET_BURN_RATE_USD_PER_DAY = gauge(
    "spend_budget_burn_rate_usd_per_day",
    ("budget", "window"),
    f"Mean charges per complete day over the window, in US dollars per day; today is left out. {_BUDGET}",
)
BUDGET_AT_THIS_RATE_USD = gauge(
    "spend_budget_at_this_rate_usd",
    ("budget",),
    "Charges by the end of the period if every day from today on is like the mean of the last 7, in US dollars. "
    f"{_BUDGET}",
)
BUDGET_PERIOD_START = gauge(
    "spend_budget_period_start_timestamp_seconds",
    ("budget",),
    "When the current period began, in seconds since the epoch; absent before a custom period's start.",
)
BUDGET_PERIOD_END = gauge(
    "spend_budget_period_end_timestamp_seconds",
    ("budget",),
    "When the current period ends, in seconds since the epoch.",
)
BUDGET_EXHAUSTION = gauge(
    "spend_budget_exhaustion_timestamp_seconds",
    ("budget",),
    "When the money of the current period ran or runs out, in seconds since the epoch; absent when it lasts.",
)
BUDGET_INFO = gauge(
    "spend_budget_info",
    ("budget", "name", "team", "provider", "account", "period", "time_zone", "currency", "parent"),
    "What a budget is called, what it is for, its period and the budget it is a part of; always 1.",
)
