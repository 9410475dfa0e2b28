"""What was spent and consumed, and how far the figures can be trusted."""

from __future__ import annotations

from exporter.metrics.catalog.definition import (
    ACCOUNT,
    COMMON,
    DAY,
    FAILURE_REASONS,
    MONTH,
    REPORT,
    TEAM,
    TOKENS,
    counter,
    gauge,
)

# Money: the best figure for each account and day, counted once.

TODAY_USD = gauge("spend_today_usd", COMMON, f"Charges of today so far, in US dollars. {DAY}")
YESTERDAY_USD = gauge("spend_yesterday_usd", COMMON, f"Charges of yesterday, in US dollars. {DAY}")
MONTH_TO_DATE_USD = gauge(
    "spend_month_to_date_usd", COMMON, f"Charges since the first of the month, in US dollars. {MONTH}"
)
PREVIOUS_MONTH_USD = gauge(
    "spend_previous_month_usd", TEAM, f"Charges of the whole previous month, in US dollars. {MONTH}"
)
PREVIOUS_MONTH_SAME_DAY_USD = gauge(
    "spend_previous_month_same_day_usd",
    TEAM,
    f"Charges of the previous month up to today's day of the month, in US dollars. {MONTH}",
)
ESTIMATED_MONTH_TO_DATE_USD = gauge(
    "spend_estimated_month_to_date_usd",
    TOKENS,
    f"Token usage since the first of the month at list prices, in US dollars; an estimate, not a bill. {MONTH}",
)
BURN_RATE_USD_PER_DAY = gauge(
    "spend_burn_rate_usd_per_day",
    (*ACCOUNT, "window"),
    f"Mean charges per whole day over the window, in US dollars per day; today is left out. {DAY}",
)

# Quantities.

TOKENS_TODAY = gauge(
    "spend_tokens_today", TOKENS, f"Tokens processed today so far; token types are disjoint, so they add up. {DAY}"
)
TOKENS_MONTH_TO_DATE = gauge(
    "spend_tokens_month_to_date",
    TOKENS,
    f"Tokens processed since the first of the month; token types are disjoint, so they add up. {MONTH}",
)
REQUESTS_TODAY = gauge(
    "spend_requests_today", (*ACCOUNT, "team", "scope", "model"), f"Requests made to the provider today so far. {DAY}"
)
UNPRICED_TOKENS_MONTH_TO_DATE = gauge(
    "spend_unpriced_tokens_month_to_date",
    ("provider", "model"),
    f"Tokens since the first of the month that no list price is known for; missing from estimates. {MONTH}",
)

# Books: counters kept in the database, the same on every replica, surviving restarts.

RECOGNIZED_USD = counter(
    "spend_recognized_usd_total",
    ACCOUNT,
    "Every increase of stored charges, in US dollars, of whatever UTC day; as of the last sync. "
    "Net spend that became known: increase of this minus increase of spend_reversed_usd_total.",
)
REVERSED_USD = counter(
    "spend_reversed_usd_total",
    ACCOUNT,
    "Every decrease of stored charges by a restatement or credit, in US dollars, of whatever UTC day; "
    "as of the last sync.",
)
TOKENS_RECOGNIZED = counter(
    "spend_tokens_recognized_total",
    (*ACCOUNT, "token_type"),
    "Every increase of stored token usage, in tokens, of whatever UTC day; as of the last sync.",
)
TOKENS_REVERSED = counter(
    "spend_tokens_reversed_total",
    (*ACCOUNT, "token_type"),
    "Every decrease of stored token usage by a restatement, in tokens, of whatever UTC day; as of the last sync.",
)

# Names. Join on them: ... * on (provider, account) group_left (name) spend_account_info.

ACCOUNT_INFO = gauge(
    "spend_account_info", (*ACCOUNT, "name", "team", "category"), "What an account is called, whose it is; always 1."
)
SCOPE_INFO = gauge(
    "spend_scope_info",
    (*ACCOUNT, "scope", "name"),
    "What the provider calls a project, workspace or resource; always 1.",
)

# How far the figures can be trusted.

RECONCILIATION_RATIO = gauge(
    "spend_reconciliation_ratio",
    ACCOUNT,
    "Billed charges divided by the estimate at list prices, over the same settled UTC days; as of the last sync.",
)
DATA_LATEST = gauge(
    "spend_data_latest_timestamp_seconds",
    REPORT,
    "End of the newest stored period, in seconds since the epoch; as of the last sync.",
)
DATA_SETTLED = gauge(
    "spend_data_settled_timestamp_seconds",
    REPORT,
    "Figures before this moment are not expected to change any more, in seconds since the epoch; as of the last sync.",
)
PROVIDER_UP = gauge("spend_provider_up", ACCOUNT, "1 when the account's last sync succeeded, 0 when it failed.")
LAST_SUCCESS = gauge(
    "spend_sync_last_success_timestamp_seconds",
    ACCOUNT,
    "When the account was last synced with success, in seconds since the epoch; absent before the first time.",
)
CONSECUTIVE_FAILURES = gauge(
    "spend_sync_consecutive_failures", ACCOUNT, "Failed syncs since the last one that succeeded; as of the last sync."
)
LAST_DURATION = gauge("spend_sync_last_duration_seconds", ACCOUNT, "How long the account's last sync took, in seconds.")
LAST_FAILURE = gauge(
    "spend_sync_last_failure_info",
    (*ACCOUNT, "reason"),
    f"Why the account's last sync failed ({', '.join(FAILURE_REASONS)}); 1 while it fails, absent otherwise.",
)
BACKFILL_PROGRESS = gauge(
    "spend_backfill_progress_ratio",
    REPORT,
    "Share of the wanted history that is stored, from 0 to 1; as of the last sync.",
)
