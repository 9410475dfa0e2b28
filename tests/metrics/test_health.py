"""Health instruments: what each event leaves behind."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from exporter.metrics import catalog
from exporter.metrics.health import Health

NOON = datetime(2025, 11, 21, 12, tzinfo=UTC)
ACME = {"provider": "openai", "account": "acme"}


@pytest.fixture
def health():
    return Health(version="1.2.3", revision="abc", python="3.11")


def value(health, definition, **labels):
    return health.registry.get_sample_value(definition.name, labels)


def test_declares_exactly_the_catalog_and_the_process(health):
    mine = {d.name.removesuffix("_total"): (d.kind, d.help) for d in catalog.EXPORTER}
    families = {f.name: (f.type, f.documentation) for f in health.collect() if not f.name.startswith("process_")}
    assert families == mine


def test_label_names_are_the_catalogs(health):
    health.accounts([("openai", "acme")])
    health.request("openai", "2xx", 0.2)
    health.throttled("openai")
    health.unknown_fields("openai", 2)
    health.snapshot(NOON, 5, {"spend_today_usd": 7})
    labels = {d.name.removesuffix("_total"): set(d.labels) for d in catalog.EXPORTER}
    for family in health.collect():
        for sample in family.samples:
            if family.name in labels:
                assert set(sample.labels) - {"le"} == labels[family.name]


def test_new_accounts_start_at_zero_and_gone_ones_vanish(health):
    health.accounts([("openai", "acme")])
    health.failed("openai", "acme", "try_later")
    health.accounts([("openai", "acme"), ("aws", "payer")])
    assert value(health, catalog.SYNC_FAILURES, **ACME, reason="try_later") == 1
    assert value(health, catalog.SYNC_FAILURES, provider="aws", account="payer", reason="unit_mismatch") == 0
    health.accounts([("aws", "payer")])
    assert value(health, catalog.SYNC_RUNS, **ACME) is None
    assert value(health, catalog.SYNC_ROWS, **ACME, outcome="inserted") is None


def test_a_sync_counts_its_rows(health):
    health.synced("openai", "acme", {"inserted": 3, "updated": 1}, restated=1)
    health.failed("openai", "acme", "error")
    assert value(health, catalog.SYNC_RUNS, **ACME) == 2
    assert value(health, catalog.SYNC_ROWS, **ACME, outcome="inserted") == 3
    assert value(health, catalog.RESTATED_ROWS, **ACME) == 1
    assert value(health, catalog.SYNC_FAILURES, **ACME, reason="error") == 1


def test_the_publisher_s_figures(health):
    health.snapshot(NOON, 42, {"spend_today_usd": 7})
    health.snapshot(NOON, 43, {"spend_tokens_today": 1})
    health.published(0.2)
    health.leases(3)
    health.database(up=True)
    assert value(health, catalog.SERIES) == 43
    assert value(health, catalog.SERIES_FOLDED, metric="spend_today_usd") is None
    assert value(health, catalog.SERIES_FOLDED, metric="spend_tokens_today") == 1
    assert value(health, catalog.SNAPSHOT_TIMESTAMP) == NOON.timestamp()
    assert value(health, catalog.LEASES) == 3
    assert value(health, catalog.DATABASE_UP) == 1
    assert health.registry.get_sample_value("spend_exporter_publish_duration_seconds_count") == 1


def test_a_failed_reload_keeps_the_time_of_the_good_one(health):
    health.config_loaded(NOON, successful=True)
    health.config_loaded(NOON.replace(hour=13), successful=False)
    assert value(health, catalog.CONFIG_LAST_RELOAD_SUCCESSFUL) == 0
    assert value(health, catalog.CONFIG_LAST_RELOAD_SUCCESS) == NOON.timestamp()


def test_build_info(health):
    assert value(health, catalog.BUILD_INFO, version="1.2.3", revision="abc", python="3.11") == 1


def test_two_of_them_do_not_meet(health):
    health.throttled("openai")
    assert value(Health(), catalog.PROVIDER_THROTTLED, provider="openai") is None
