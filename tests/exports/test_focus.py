"""FOCUS files: what is billed and what is estimated never mix, and the columns are the specification's."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

MONEY = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "x_EstimatedCost")


@pytest.fixture
def records(every_kind, bytes_of):
    """By account and charge category."""

    def read(**words: object) -> dict[tuple[str, str], dict]:
        rows = json.loads(bytes_of(**({"format": "json", "focus": "1.2"} | words)))["records"]
        return {(row["BillingAccountId"], row["ChargeCategory"]): row for row in rows}

    return read


def test_each_kind_of_charge_in_its_columns(records):
    rows = records()
    money = {key: tuple(row[name] for name in MONEY) for key, row in rows.items()}
    assert money == {
        ("acme", "Usage"): ("10.5", "10.5", "10.5", "10.5", "0.0"),
        ("acme", "Credit"): ("-3.0", "-3.0", "-3.0", "-3.0", "0.0"),
        ("lab", "Usage"): ("0.0", "0.0", "0.0123", "0.0123", "0.0123"),
        ("seats", "Purchase"): ("39.0", "39.0", "39.0", "39.0", "0.0"),
    }
    frequency = {key: row["ChargeFrequency"] for key, row in rows.items()}
    assert list(frequency.values()) == ["Usage-Based", "One-Time", "Usage-Based", "Recurring"]


def test_an_estimate_has_its_tokens_and_its_price(records):
    row = records()["lab", "Usage"]
    assert (row["ConsumedQuantity"], row["ConsumedUnit"]) == ("4100.0", "Tokens")
    assert (row["PricingQuantity"], row["PricingUnit"], row["ListUnitPrice"]) == ("0.0041", "1000000 Tokens", "3.0")
    assert (row["SkuId"], row["SkuMeter"], row["SkuPriceId"]) == ("claude", "input", "claude/input")
    assert row["SkuPriceDetails"] == {"x_ModelId": "claude"}
    assert (row["ServiceName"], row["ServiceSubcategory"]) == ("Claude API", "Generative AI")
    assert (row["SubAccountId"], row["SubAccountName"], row["SubAccountType"]) == ("w1", "w1", "Workspace")


def test_price_times_quantity_is_the_cost(records):
    for row in records().values():
        if row["PricingQuantity"] is not None:
            product = Decimal(row["PricingQuantity"]) * Decimal(row["ListUnitPrice"])
            assert abs(product - Decimal(row["ListCost"])) < Decimal("1e-12")


def test_periods_tags_and_nulls(records):
    rows = records()
    billed, credit = rows["acme", "Usage"], rows["acme", "Credit"]
    assert (billed["ChargePeriodStart"], billed["ChargePeriodEnd"]) == ("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")
    assert (billed["BillingPeriodStart"], billed["BillingPeriodEnd"]) == (
        "2026-03-01T00:00:00Z",
        "2026-04-01T00:00:00Z",
    )
    assert billed["Tags"] == {"team": "search"}
    assert (billed["BillingAccountName"], billed["SubAccountName"]) == ("Acme AI", "Search")
    for name in (
        "SkuId",
        "SkuPriceId",
        "SkuPriceDetails",
        "PricingQuantity",
        "PricingUnit",
        "ConsumedQuantity",
        "SubAccountId",
    ):
        assert credit[name] is None


def test_versions_differ_in_who_sells_it(records):
    old, new = (records(focus=version)["lab", "Usage"] for version in ("1.2", "1.4"))
    assert (old["ProviderName"], old["PublisherName"]) == ("Anthropic", "Anthropic")
    assert (new["ServiceProviderName"], new["HostProviderName"]) == ("Anthropic", "Anthropic")
    assert old.keys() - new.keys() == {"ProviderName", "PublisherName", "CommitmentDiscountStatus"}
    for row in (old, new):
        names = [name for name in row if not name.startswith("x_")]
        assert names == sorted(names) == list(row)[: len(names)]


def test_redacted_focus_hides_the_project(records):
    row = records(redact=True)["acme", "Usage"]
    assert row["SubAccountId"] == row["SubAccountName"]
    assert row["SubAccountId"].startswith("redacted-")


def test_focus_is_a_format_and_null_is_nothing_in_csv(every_kind, made, bytes_of):
    with made(format="focus") as download:
        assert download.filename == "spend-focus-1.2-2026-03-01-2026-03-20.csv"
    assert bytes_of(format="focus") == bytes_of(format="csv", focus="1.2")
    line = next(line for line in bytes_of(format="focus").splitlines() if b"Credit" in line)
    assert b',"",' not in line
    assert b",," in line


@pytest.mark.parametrize("form", ["parquet", "xlsx", "ndjson"])
def test_in_any_format(every_kind, made, form):
    assert made(format=form, focus="1.4").metadata["records"] == 4
