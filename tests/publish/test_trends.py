"""Trend metrics: one-hot states, growth where it is known, and nothing that is old."""

from __future__ import annotations

from datetime import timedelta

import pytest

from exporter.domain import Subject
from exporter.publish.trends import families
from exporter.store import trends
from exporter.store.trends import Trend


@pytest.fixture
def published(books):
    """The families at so much time after two accounts' trends were stored."""
    made = books.moment(30)
    books.account("acme")
    books.account("gone")
    rows = [
        Trend(Subject("account", "openai", "acme"), made, 1.5, 1, 2, "increasing", 100, 0.5, None, -0.25),
        Trend(Subject("account", "openai", "gone"), made, 0, None, None, "stable", 0, None, None, None),
        Trend(Subject("total"), made, 1.5, 1, 2, "increasing", 100, 0.5, None, None),
    ]
    books.run(trends.replace, rows)
    books.rows("UPDATE accounts SET removed_at = now() WHERE id = 'gone' RETURNING 1")

    def read(after: timedelta) -> dict[str, dict]:
        found = books.run(families, made + after)
        return {family.definition.name: dict(family.samples) for family in found}

    return read


def test_an_account_that_is_there(published):
    assert published(timedelta(days=2)) == {
        "spend_trend_usd_per_day": {("openai", "acme"): 1.5},
        "spend_trend_state": {
            ("openai", "acme", "increasing"): 1,
            ("openai", "acme", "decreasing"): 0,
            ("openai", "acme", "stable"): 0,
        },
        "spend_growth_ratio": {("openai", "acme", "7d"): 0.5, ("openai", "acme", "90d"): -0.25},
    }


def test_after_two_days_nothing_is_said(published):
    assert published(timedelta(days=2, seconds=1)) == {}


def test_trends_are_read_by_level(books, published):
    assert [trend.subject.level for trend in books.run(trends.every, "total")] == ["total"]
    assert [trend.subject.level for trend in books.run(trends.every)] == ["total", "account"][::-1]
