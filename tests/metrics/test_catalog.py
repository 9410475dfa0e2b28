"""Names, types and HELP texts keep the rules; the reference page is current; promtool has nothing to say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporter.metrics import catalog
from exporter.metrics.catalog import DEFINITIONS, EXPORTER, PRODUCT
from exporter.metrics.exposition import render
from exporter.metrics.health import Health
from exporter.metrics.reference import markdown
from exporter.metrics.snapshot import Family, Snapshot

ROOT = Path(__file__).parents[2]
NOON = datetime(2025, 11, 21, 12, tzinfo=UTC)
every = pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda d: d.name)


@every
def test_names_and_types_go_together(definition):
    assert re.fullmatch(r"spend_[a-z0-9_]+", definition.name)
    assert (definition.kind == "counter") == definition.name.endswith("_total")
    assert not set(definition.labels) & {
        "instance",
        "job",
        "type",
        "service",
        "region",
        "env",
        "date",
        "user",
        "api_key",
    }
    assert len(set(definition.labels)) == len(definition.labels)


@every
def test_help_states_the_unit(definition):
    for ending, words in {"_usd": "US dollars", "_seconds": "in seconds", "_tokens": "okens"}.items():
        if definition.name.removesuffix("_total").endswith(ending):
            assert words in definition.help


@pytest.mark.parametrize("definition", PRODUCT, ids=lambda d: d.name)
def test_help_states_day_border_and_freshness(definition):
    if re.search("_usd|_tokens|_requests|_ratio$", definition.name):
        assert "as of the last sync" in definition.help
    if re.search("_usd|_tokens|_requests", definition.name):
        assert "UTC" in definition.help


def test_names_are_unique():
    assert len({d.name for d in DEFINITIONS}) == len(DEFINITIONS) == len(PRODUCT) + len(EXPORTER)


def test_the_reference_page_is_current():
    page = ROOT / "docs" / "metrics.md"
    assert page.read_text(encoding="utf-8") == markdown(), "run: python -m exporter.metrics.reference > docs/metrics.md"


def promtool() -> str:
    found = shutil.which("promtool", path=f"{ROOT / '.tools' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    if found is None and os.environ.get("REQUIRE_SERVERS") == "1":
        pytest.fail("promtool is missing")
    return found or pytest.skip("promtool is missing")


def test_promtool_has_nothing_to_say():
    health = Health(version="1.2.3", revision="abc", python="3.11")
    health.accounts([("openai", "acme")])
    health.request("openai", "2xx", 0.2)
    health.throttled("openai")
    health.unknown_fields("openai", 1)
    health.snapshot(NOON, 1, {catalog.TODAY_USD.name: 3})
    health.published(0.1)
    families = (Family(d, [(tuple(f"a {label}\n" for label in d.labels), 1.0)]) for d in PRODUCT)
    text = render(Snapshot(NOON, tuple(families)), health, NOON).text.identity
    done = subprocess.run([promtool(), "check", "metrics"], input=text, capture_output=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_a_snapshot_knows_its_size():
    families = (Family(catalog.PROVIDER_UP, [(("a", "b"), 1.0), (("a", "c"), 0.0)]), Family(catalog.LAST_DURATION, []))
    assert Snapshot(NOON, families).series == 2
