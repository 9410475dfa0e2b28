"""The history of alerts in a real database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from exporter.alerts import Alert
from exporter.store import alert_history, retention

SIX = datetime(2026, 11, 21, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRING = Alert(
    fingerprint="b5bcb3bbbd6bcd3c",
    starts_at=SIX,
    ends_at=None,
    labels={"alertname": "SpendBudgetWarning", "severity": "warning", "level": "warning", "budget": "b"},
    annotations={"summary": "Budget b: 71% spent", "description": "Spent: $710.00 of $1000.00."},
)


@pytest.fixture
def told(books):
    """Tell of some alerts an hour after six or later; the history is what it returns."""

    def tell(*alerts, hours=1):
        books.run(alert_history.record, alerts, SIX + hours * HOUR)
        return books.run(alert_history.newest, 100)

    return tell


def test_what_is_told_first(told):
    (row,) = told(FIRING)
    assert row._asdict() == {
        "fingerprint": "b5bcb3bbbd6bcd3c",
        "starts_at": SIX,
        "ends_at": None,
        "alertname": "SpendBudgetWarning",
        "severity": "warning",
        "level": "warning",
        "value": 710.0,
        "labels": dict(FIRING.labels),
        "annotations": dict(FIRING.annotations),
        "notified": 1,
        "received_at": SIX + HOUR,
    }


def test_a_reminder_brings_the_figures_up_to_date(told):
    told(FIRING)
    (row,) = told(replace(FIRING, annotations={"description": "Spent: $750.00 of $1000.00."}), hours=25)
    assert (row.value, row.notified, row.received_at) == (750.0, 2, SIX + 25 * HOUR)


def test_the_end_closes_the_same_row_and_keeps_the_last_figures(told):
    told(FIRING)
    end = replace(FIRING, ends_at=SIX + 2 * HOUR, annotations={"description": "Spent: of ."})
    (row,) = told(end, hours=2)
    assert (row.ends_at, row.value, row.annotations) == (SIX + 2 * HOUR, 710.0, dict(FIRING.annotations))
    assert told(end, hours=3) == [row._replace(notified=3, received_at=SIX + 3 * HOUR)]


def test_an_end_without_a_beginning_is_a_row_too(told):
    (row,) = told(replace(FIRING, ends_at=SIX + HOUR))
    assert (row.starts_at, row.ends_at, row.value) == (SIX, SIX + HOUR, 710.0)


def test_what_alertmanager_had_given_up_is_opened_again(told):
    told(replace(FIRING, ends_at=SIX + HOUR))
    (row,) = told(FIRING)
    assert row.ends_at is None


def test_firing_afresh_is_another_row(told):
    told(replace(FIRING, ends_at=SIX + HOUR))
    rows = told(replace(FIRING, starts_at=SIX + 2 * HOUR))
    assert [row.starts_at for row in rows] == [SIX + 2 * HOUR, SIX]


@pytest.mark.parametrize(("hours", "fires"), [(3, True), (3.1, False)])
def test_what_is_not_heard_of_any_more_does_not_fire(told, books, hours, fires):
    (row,) = told(FIRING)
    now = SIX + hours * HOUR
    assert row.fires(now) == fires
    assert books.run(alert_history.newest, 100, firing_at=now) == [row] * fires


def test_what_ended_does_not_fire(told, books):
    (row,) = told(replace(FIRING, ends_at=SIX + HOUR))
    assert not row.fires(SIX + HOUR)
    assert books.run(alert_history.newest, 100, firing_at=SIX + HOUR) == []


def test_no_alerts_are_no_rows(told):
    assert told() == []


def test_it_is_kept_as_long_as_figures_unless_it_still_fires(told, books):
    told(replace(FIRING, ends_at=SIX + HOUR), replace(FIRING, fingerprint="ffff"), replace(FIRING, fingerprint="eeee"))
    books.run(retention.forget, SIX + timedelta(days=700), 24)
    assert len(told(replace(FIRING, fingerprint="ffff"), hours=24 * 700)) == 3
    books.run(retention.forget, SIX + timedelta(days=800), 24)
    assert [row.fingerprint for row in told()] == ["ffff"]
