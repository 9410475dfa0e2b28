"""The same promises, kept by every provider in ALL. A new provider is covered by its recorded replies alone."""

from __future__ import annotations

import logging
import re
import traceback
from collections import Counter
from dataclasses import replace
from datetime import UTC, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

import exporter.providers
from exporter.domain import DAY, HOUR, Name, Source, floor_to, identity
from exporter.errors import BeyondHistory, NeedsAttention, TryLater, UnexpectedReply
from exporter.providers import ALL

SHARED = {"__init__", "base", "client", "pacing", "replies"}
REPORTS = [pytest.param(name, report, id=f"{name}-{report.name}") for name in ALL for report in ALL[name].reports]
SECRET = "not-a-real-secret-0123456789"


async def read(api, report, window, **options):
    async with api.client(**options) as client:
        return [page async for page in report.fetch(client, api.account, window)]


def test_every_file_is_a_registered_provider_or_shared():
    files = {path.stem for path in Path(exporter.providers.__file__).parent.glob("*.py")}
    assert files - SHARED - {f"{name}_rows" for name in ALL} == set(ALL)
    assert all(name == provider.name for name, provider in ALL.items())


@pytest.mark.parametrize("name", ALL)
def test_every_provider_has_a_page_that_names_its_reports_and_fields(name):
    page = (Path(__file__).parents[2] / "docs" / "providers" / f"{name}.md").read_text()
    provider = ALL[name]
    for word in (*provider.reports, *provider.credentials, *provider.options):
        assert word.name in page


@pytest.mark.parametrize("name", ALL)
def test_the_account_on_every_page_can_be_copied(name):
    page = (Path(__file__).parents[2] / "docs" / "providers" / f"{name}.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (account,) = yaml.safe_load(example)["accounts"]
    assert account["provider"] == name
    assert set(account["credentials"]) <= {field.name for field in ALL[name].credentials}
    assert set(account["options"]) <= {"base_url"} | {field.name for field in ALL[name].options}


@pytest.mark.parametrize("name", ALL)
def test_facts_are_sound(name):
    provider = ALL[name]
    assert provider.base_url.startswith("https://")
    assert provider.guide.startswith("https://")
    assert len({report.name for report in provider.reports}) == len(provider.reports)
    for report in provider.reports:
        assert report.grain in (HOUR, DAY)
        assert report.span % report.grain == timedelta(0)
        assert report.restates <= report.restates_late <= report.history


@pytest.mark.parametrize(("name", "report"), REPORTS)
async def test_rows_lie_inside_the_window_and_are_exact(api, day, name, report):
    pages = await read(api(name), report, day)
    usage = [row for page in pages for row in page.usage]
    charges = [row for page in pages for row in page.charges]
    for row in (*usage, *charges):
        assert row.period.start.tzinfo is UTC
        assert day.covers(row.period)
        assert row.period.start == floor_to(row.period.start, report.grain)
        assert row.period.end - row.period.start == report.grain
        assert row.dimensions.meter
        assert row.dimensions.tags == tuple(sorted(row.dimensions.tags))
    assert all(type(row.quantity) is Decimal and row.quantity > 0 for row in usage)
    assert all(type(row.amount) is Decimal and len(row.currency) == 3 and row.currency.isupper() for row in charges)
    assert not charges or report.source in (Source.COST_API, Source.ANALYTICS)
    keys = Counter((row.period, identity(report.name, row.dimensions)) for row in usage)
    keys += Counter((row.period, identity(report.name, row.dimensions, row.currency)) for row in charges)
    assert not [key for key, times in keys.items() if times > 1]
    assert not frozenset().union(*(page.unknown_fields for page in pages))


@pytest.mark.parametrize("name", ALL)
async def test_recorded_replies_hold_rows_of_every_source(api, day, name):
    for report in ALL[name].reports:
        if not report.optional:
            pages = await read(api(name), report, day)
            assert any(page.usage or page.charges for page in pages), report.name


FAULTS = [
    (401, NeedsAttention),
    (403, NeedsAttention),
    (404, UnexpectedReply),
    (429, TryLater),
    (500, TryLater),
    (529, TryLater),
    (b'{"data": [', UnexpectedReply),
    (b"<html>Sign in</html>", UnexpectedReply),
    ({"unheard": "of"}, UnexpectedReply),
    ({"data": [{"surprise": 1}], "has_more": False}, UnexpectedReply),
    ({"data": 7, "has_more": False}, UnexpectedReply),
]


@pytest.mark.parametrize(("fault", "error"), FAULTS, ids=lambda value: str(getattr(value, "__name__", value))[:20])
@pytest.mark.parametrize(("name", "report"), REPORTS)
async def test_faults_are_named_for_what_happens_next_and_keep_secrets(api, day, caplog, name, report, fault, error):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(error) as caught:
        await read(api(name).says("", fault), report, day)
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value)) + caplog.text
    assert SECRET not in shown
    assert "dev@example.com" not in shown
    assert ALL[name].title in str(caught.value)
    if isinstance(fault, int):
        assert caught.value.status == fault


@pytest.mark.parametrize(("name", "report"), REPORTS)
async def test_a_year_long_past_is_asked_for_without_crashing(api, day, name, report):
    long_ago = replace(day, start=day.start - 800 * DAY, end=day.end - 800 * DAY)
    with pytest.raises((NeedsAttention, BeyondHistory)):
        await read(api(name).says("", 403), report, long_ago)


@pytest.mark.parametrize("name", ALL)
async def test_check_says_one_sentence_and_proves_billing_access(api, name):
    there = api(name)
    async with there.client() as client:
        sentence = await ALL[name].check(client, there.account)
        assert sentence.endswith(".")
        assert there.account.id in sentence
    for fault, error in ((401, NeedsAttention), (403, NeedsAttention), (429, TryLater)):
        async with api(name).says("", fault).client() as client:
            with pytest.raises(error):
                await ALL[name].check(client, there.account)


@pytest.mark.parametrize("name", ALL)
async def test_discover_names_scopes_and_keys(api, name):
    there = api(name)
    async with there.client() as client:
        names = await ALL[name].discover(client, there.account)
    assert {name.kind for name in names} == {"scope", "api_key"}
    assert all(isinstance(name, Name) and name.id and name.name for name in names)


@pytest.mark.parametrize("name", ALL)
async def test_discover_does_without_names_that_are_forbidden_but_not_without_a_key(api, name):
    async with api(name).says("", 403).client() as client:
        assert await ALL[name].discover(client, None) == []
    async with api(name).says("", 401).client() as client:
        with pytest.raises(NeedsAttention):
            await ALL[name].discover(client, None)


@pytest.mark.parametrize("name", ALL)
async def test_a_gateway_can_stand_in(api, day, name):
    there = api(name)
    async with there.client(base_url="https://gateway.example/ai") as client:
        with pytest.raises(UnexpectedReply):  # nothing is recorded at the gateway's path
            await ALL[name].check(client, there.account)
    assert str(there.requests[0].url).startswith("https://gateway.example/ai/v1/")


@pytest.mark.parametrize("name", ALL)
def test_a_missing_credential_is_said_so(name):
    with pytest.raises(NeedsAttention, match="credential"):
        ALL[name].authenticate({})


@pytest.mark.parametrize("name", ALL)
async def test_no_secret_in_any_repr(api, name):
    there = api(name)
    async with there.client() as client:
        assert SECRET not in repr(client) + repr(there.account) + repr(ALL[name])
