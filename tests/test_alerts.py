"""Alertmanager's webhook: what is read of it, and one sentence for everything else."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.alerts import Alert, NotUnderstood, read_webhook

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def one(**changes):
    alert = {
        "status": "firing",
        "labels": {"alertname": "SpendBudgetWarning", "budget": "b"},
        "annotations": {"description": "Spent: $1,701.50 of $2000.00."},
        "startsAt": "2026-11-21T06:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": "b5bcb3bbbd6bcd3c",
    }
    return alert | changes


def message(*alerts, version="4"):
    return json.dumps({"version": version, "status": "firing", "alerts": list(alerts)}).encode()


def test_an_alert_that_fires_has_no_end():
    assert read_webhook(message(one())) == [
        Alert(
            fingerprint="b5bcb3bbbd6bcd3c",
            starts_at=datetime(2026, 11, 21, 6, 0, 0, 123456, tzinfo=UTC),
            ends_at=None,
            labels={"alertname": "SpendBudgetWarning", "budget": "b"},
            annotations={"description": "Spent: $1,701.50 of $2000.00."},
        )
    ]


def test_a_resolved_one_has():
    (alert,) = read_webhook(message(one(status="resolved", endsAt="2026-11-21T08:00:00+02:00")))
    assert alert.ends_at == datetime(2026, 11, 21, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("annotations", "value"),
    [
        ({"description": "Spent: $1,701.50 of $2000.00."}, 1701.5),
        ({"description": "4 attempts in a row did not finish."}, None),
        ({"description": "$5 more", "value": "0.25"}, 0.25),
        ({"value": "much"}, None),
        ({}, None),
    ],
)
def test_its_value_is_stated_or_the_first_amount_of_its_text(annotations, value):
    (alert,) = read_webhook(message(one(annotations=annotations)))
    assert alert.value == value


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"alerts=1", "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (b"\xff", "the body is not JSON"),
        (b"[]", "this is not a webhook message of Alertmanager, version 4"),
        (message(version="5"), "this is not a webhook message of Alertmanager, version 4"),
        (b'{"version": "4"}', "alerts must be a list"),
        (message(one(), "x"), "alerts[1] must be an object"),
        (message(one(status="ringing")), "alerts[0].status must be firing or resolved"),
        (message(one(status=[])), "alerts[0].status must be firing or resolved"),
        (message(one(fingerprint="x y")), "alerts[0].fingerprint must be hexadecimal"),
        (message(one(labels={"team": "a"})), "alerts[0].labels has no alertname"),
        (message(one(labels={"alertname": 1})), "alerts[0].labels must be an object of texts"),
        (
            message(one(annotations={"a": "\0"})),
            "alerts[0].annotations has a zero byte or half a character, which no database stores",
        ),
        (
            message(one(annotations={"\ud800": ""})),
            "alerts[0].annotations has a zero byte or half a character, which no database stores",
        ),
        (message(one(startsAt="today")), "alerts[0].startsAt must be a time such as 2026-01-31T06:00:00Z"),
        (
            message(one(startsAt="2026-01-31T06:00:00")),
            "alerts[0].startsAt must be a time such as 2026-01-31T06:00:00Z",
        ),
    ],
)
def test_what_is_wrong_is_said(body, sentence):
    with pytest.raises(NotUnderstood) as refusal:
        read_webhook(body)
    assert str(refusal.value) == sentence


@given(st.sampled_from(sorted(one())), ANY)
def test_no_field_can_break_it(name, value):
    with suppress(NotUnderstood):
        assert [type(alert.labels["alertname"]) for alert in read_webhook(message(one(**{name: value})))] == [str]
