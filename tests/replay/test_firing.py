"""When an alert fired, and how well that fits what is known to have happened."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from exporter.replay.firing import Event, Firing, firings, score

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)


def held(*days: int) -> list[tuple[dict[str, str], list[float]]]:
    return [({"provider": "openai"}, [(START + day * DAY).timestamp() for day in days])]


def days_of(found) -> list[tuple[int, int | None]]:
    return [((one.since - START) // DAY, None if one.until is None else (one.until - START) // DAY) for one in found]


@pytest.mark.parametrize(
    ("days", "expected"),
    [((), []), ((3,), [(3, 4)]), ((3, 4, 5), [(3, 6)]), ((1, 2, 5), [(1, 3), (5, 6)]), ((8, 9), [(8, None)])],
)
def test_consecutive_days_are_one_message_and_the_last_day_still_lasts(days, expected):
    assert days_of(firings("A", held(*days), timedelta(0), DAY, START + 9 * DAY)) == expected


@pytest.mark.parametrize(("waits", "expected"), [(2, []), (1, [(2, 3)])])
def test_an_alert_waits_as_long_as_its_rule_says(waits, expected):
    found = firings("A", held(1, 2), waits * DAY, DAY, START + 9 * DAY)
    assert days_of(found) == expected


def fired(day: int, provider: str = "openai") -> Firing:
    return Firing("A", (("provider", provider),), START + day * DAY, None)


def test_a_score_counts_alerts_about_something_and_events_that_were_told():
    events = [
        Event("loop", date(2026, 3, 5), date(2026, 3, 5), "openai"),
        Event("outage", date(2026, 3, 20), date(2026, 3, 21), "openai"),
        Event("elsewhere", date(2026, 3, 5), date(2026, 3, 5), "anthropic"),
    ]
    found = score([fired(5), fired(6), fired(12), fired(19, "anthropic")], events)

    assert (found.alerts, found.explained, found.events, found.found, found.delay_days) == (4, 2, 3, 1, 1)
    assert (found.precision, found.recall) == (0.5, pytest.approx(1 / 3))


def test_nothing_sent_has_no_precision_and_no_events_no_recall():
    found = score([], [])
    assert (found.precision, found.recall, found.delay_days) == (None, None, None)
