"""The exporter's own health. These start anew with the process and differ between replicas."""

from __future__ import annotations

from exporter.metrics.catalog.definition import ACCOUNT, ROW_OUTCOMES, Definition, counter, gauge

SYNC_RUNS = counter("spend_exporter_sync_runs_total", ACCOUNT, "Syncs this process finished, failed ones included.")
SYNC_FAILURES = counter(
    "spend_exporter_sync_failures_total", (*ACCOUNT, "reason"), "Syncs this process could not finish, by reason."
)
SYNC_ROWS = counter(
    "spend_exporter_sync_rows_total",
    (*ACCOUNT, "outcome"),
    f"Usage and charge rows synced by this process, by outcome ({', '.join(ROW_OUTCOMES)}).",
)
RESTATED_ROWS = counter(
    "spend_exporter_restated_rows_total", ACCOUNT, "Stored rows that a provider later changed or withdrew."
)
PROVIDER_REQUESTS = counter(
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
PROVIDER_THROTTLED = counter(
    "spend_exporter_provider_throttled_total", ("provider",), "Requests a provider refused as too many."
)
PROVIDER_UNKNOWN_FIELDS = counter(
    "spend_exporter_provider_unknown_fields_total",
    ("provider",),
    "Fields seen in replies that this program does not know; a sign that the provider's contract drifts.",
)
SERIES = gauge("spend_exporter_series", (), "Series in the published snapshot, without the exporter's own.")
SERIES_FOLDED = gauge(
    "spend_exporter_series_folded",
    ("metric",),
    "Series beyond the cap that were added up in scope and model other; sums are unchanged.",
)
SNAPSHOT_TIMESTAMP = gauge(
    "spend_exporter_snapshot_timestamp_seconds", (), "When the published figures were read, in seconds since the epoch."
)
PUBLISH_DURATION = Definition(
    "spend_exporter_publish_duration_seconds",
    "histogram",
    "How long it took to read and render the figures, in seconds; the publication in progress is not in it.",
)
DATABASE_UP = gauge(
    "spend_exporter_database_up",
    (),
    "1 when the database answered last time; at 0 the figures shown are the last known.",
)
LEASES = gauge("spend_exporter_leases", (), "Accounts this process holds the lease of, that is, is syncing now.")
BUILD_INFO = gauge(
    "spend_exporter_build_info", ("version", "revision", "python"), "Which build of the program this is; always 1."
)
CONFIG_LAST_RELOAD_SUCCESSFUL = gauge(
    "spend_exporter_config_last_reload_successful", (), "1 when the last attempt to load the configuration succeeded."
)
CONFIG_LAST_RELOAD_SUCCESS = gauge(
    "spend_exporter_config_last_reload_success_timestamp_seconds",
    (),
    "When the configuration was last loaded with success, in seconds since the epoch.",
)
