"""Direct instruments for the exporter itself: syncs, requests, errors, durations.

One rule: they live in a registry of their own, so any number of these objects can exist side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, ProcessCollector
from prometheus_client.registry import Collector

from exporter.metrics import catalog
from exporter.metrics.catalog import FAILURE_REASONS, ROW_OUTCOMES, Definition

_REQUEST_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_PUBLISH_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Health(Collector):
    """What the sync and publish sides call. Thread-safe; also the observer of the provider client."""

    def __init__(self, *, version: str = "", revision: str = "", python: str = "") -> None:
        self.registry = CollectorRegistry()
        self._accounts: set[tuple[str, str]] = set()
        self._make_sync_instruments()
        self._make_provider_instruments()
        self._make_publish_instruments()
        self._gauge(catalog.BUILD_INFO).labels(version, revision, python).set(1)
        ProcessCollector(registry=self.registry)

    def collect(self) -> Iterator[Metric]:
        """The families of now, without the ``_created`` samples that would double the series."""
        for family in self.registry.collect():
            family.samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
            yield family

    # Called by the provider client.

    def request(self, provider: str, code_class: str, seconds: float) -> None:
        """One HTTP request answered (``2xx``, ``4xx``, …) or failed (``error``)."""
        self._requests.labels(provider, code_class).inc()
        self._request_duration.labels(provider).observe(seconds)

    def throttled(self, provider: str) -> None:
        """The provider said: too many requests."""
        self._throttled.labels(provider).inc()

    def unknown_fields(self, provider: str, count: int) -> None:
        """A reply had fields that this program does not know."""
        self._unknown_fields.labels(provider).inc(count)

    # Called by the sync side.

    def accounts(self, current: Iterable[tuple[str, str]]) -> None:
        """The (provider, account) pairs there are: new ones start at zero, so `increase` sees the first event."""
        wanted = set(current)
        for pair in wanted - self._accounts:
            self._start_at_zero(*pair)
        for provider, account in self._accounts - wanted:
            for counter in self._per_account:
                counter.remove_by_labels({"provider": provider, "account": account})
        self._accounts = wanted

    def synced(self, provider: str, account: str, rows: Mapping[str, int], *, restated: int = 0) -> None:
        """A sync succeeded; `rows` counts rows by outcome: inserted, updated, deleted, unchanged."""
        self._runs.labels(provider, account).inc()
        for outcome, count in rows.items():
            self._rows.labels(provider, account, outcome).inc(count)
        self._restated.labels(provider, account).inc(restated)

    def failed(self, provider: str, account: str, reason: str) -> None:
        """A sync did not finish; `reason` is the error's own."""
        self._runs.labels(provider, account).inc()
        self._failures.labels(provider, account, reason).inc()

    def leases(self, held: int) -> None:
        """How many accounts this process is syncing now."""
        self._leases.set(held)

    # Called by the publisher and the composition root.

    def snapshot(self, taken_at: datetime, series: int, folded: Mapping[str, int]) -> None:
        """A snapshot is about to be rendered; `folded` counts folded label sets by metric name."""
        self._snapshot_timestamp.set(taken_at.timestamp())
        self._series.set(series)
        self._series_folded.clear()
        for metric, count in folded.items():
            self._series_folded.labels(metric).set(count)

    def published(self, seconds: float) -> None:
        """A publication is done."""
        self._publish_duration.observe(seconds)

    def database(self, *, up: bool) -> None:
        """Whether the database answered."""
        self._database_up.set(up)

    def config_loaded(self, now: datetime, *, successful: bool) -> None:
        """The configuration was read, at the start or on reload."""
        self._config_successful.set(successful)
        if successful:
            self._config_success_timestamp.set(now.timestamp())

    # Building.

    def _make_sync_instruments(self) -> None:
        self._runs = self._counter(catalog.SYNC_RUNS)
        self._failures = self._counter(catalog.SYNC_FAILURES)
        self._rows = self._counter(catalog.SYNC_ROWS)
        self._restated = self._counter(catalog.RESTATED_ROWS)
        self._per_account = (self._runs, self._failures, self._rows, self._restated)
        self._leases = self._gauge(catalog.LEASES)

    def _make_provider_instruments(self) -> None:
        self._requests = self._counter(catalog.PROVIDER_REQUESTS)
        self._request_duration = self._histogram(catalog.PROVIDER_REQUEST_DURATION, _REQUEST_BUCKETS)
        self._throttled = self._counter(catalog.PROVIDER_THROTTLED)
        self._unknown_fields = self._counter(catalog.PROVIDER_UNKNOWN_FIELDS)

    def _make_publish_instruments(self) -> None:
        self._series = self._gauge(catalog.SERIES)
        self._series_folded = self._gauge(catalog.SERIES_FOLDED)
        self._snapshot_timestamp = self._gauge(catalog.SNAPSHOT_TIMESTAMP)
        self._publish_duration = self._histogram(catalog.PUBLISH_DURATION, _PUBLISH_BUCKETS)
        self._database_up = self._gauge(catalog.DATABASE_UP)
        self._config_successful = self._gauge(catalog.CONFIG_LAST_RELOAD_SUCCESSFUL)
        self._config_success_timestamp = self._gauge(catalog.CONFIG_LAST_RELOAD_SUCCESS)

    def _start_at_zero(self, provider: str, account: str) -> None:
        self._throttled.labels(provider)
        self._unknown_fields.labels(provider)
        self._runs.labels(provider, account)
        self._restated.labels(provider, account)
        for reason in FAILURE_REASONS:
            self._failures.labels(provider, account, reason)
        for outcome in ROW_OUTCOMES:
            self._rows.labels(provider, account, outcome)

    def _counter(self, definition: Definition) -> Counter:
        return Counter(definition.name, definition.help, definition.labels, registry=self.registry)

    def _gauge(self, definition: Definition) -> Gauge:
        return Gauge(definition.name, definition.help, definition.labels, registry=self.registry)

    def _histogram(self, definition: Definition, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(definition.name, definition.help, definition.labels, registry=self.registry, buckets=buckets)
