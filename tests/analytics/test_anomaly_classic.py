"""The classic detectors do what their names say."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from exporter.analytics.anomaly import Anomaly, Days, Kind, Method, Settings, find_anomalies

START = date(2025, 1, 1)


def found(costs: Days, **chosen: object) -> list[Anomaly]:
    return find_anomalies([costs], [START], Settings(**chosen))[0]  # type: ignore[arg-type]


def wave(days: int = 60) -> Days:
    return 100 + 10 * np.where(np.arange(days) % 2, 1.0, -1.0)  # mean 100, deviation 10


def test_a_zscore_counts_standard_deviations_of_the_days_before() -> None:
    costs = wave()
    costs[40] = 140
    (one,) = found(costs, method=Method.ZSCORE)
    assert one.date == START + timedelta(days=40)
    assert (one.kind, one.score, one.expected) == (Kind.SPIKE, pytest.approx(4), pytest.approx(100))
    assert (one.lower, one.upper) == (pytest.approx(70), pytest.approx(130))


def test_sigmas_and_baseline_are_chosen() -> None:
    costs = wave()
    costs[40] = 140
    assert found(costs, method=Method.ZSCORE, sigmas=4.5) == []
    assert found(costs, method=Method.ZSCORE, baseline_days=50) == []  # the day comes before there is enough past
    assert len(found(costs, method=Method.ZSCORE, baseline_days=8)) == 1


def test_a_zscore_sees_drops() -> None:
    costs = wave()
    costs[40] = 0
    (one,) = found(costs, method=Method.ZSCORE)
    assert one.kind == Kind.DROP


@pytest.mark.parametrize("method", [Method.ZSCORE, Method.SPIKE])
def test_a_flat_baseline_hides_no_spike_and_a_cent_wakes_nobody(method: Method) -> None:
    costs = np.full(60, 20.0)
    costs[45] = 20.01
    assert found(costs, method=method) == []
    costs[45] = 45
    assert len(found(costs, method=method)) == 1


@pytest.mark.parametrize("method", [Method.ZSCORE, Method.SPIKE])
def test_money_after_nothing_is_seen_and_the_score_stays_finite(method: Method) -> None:
    costs = np.zeros(60)
    costs[45] = 20
    (one,) = found(costs, method=method)
    assert one.score == 1000


def test_a_spike_is_a_multiple_of_the_mean_of_seven_days() -> None:
    costs = np.full(30, 10.0)
    costs[20] = 25
    (one,) = found(costs, method=Method.SPIKE)
    assert (one.score, one.expected, one.upper) == (2.5, 10, 20)
    assert found(costs, method=Method.SPIKE, factor=3) == []


def test_flagged_days_close_together_are_one_incident() -> None:
    costs = np.full(60, 10.0)
    costs[[30, 33, 50]] = 40
    anomalies = found(costs, method=Method.SPIKE)
    assert [(one.date - START).days for one in anomalies] == [30, 50]
    assert anomalies[0].until == START + timedelta(days=33)
    assert len(found(costs, method=Method.SPIKE, cooling_days=2)) == 3


def test_unknown_days_count_for_nothing() -> None:
    costs = np.full(60, 10.0)
    costs[15:23] = np.nan
    costs[[24, 40]] = 40
    assert [(one.date - START).days for one in found(costs, method=Method.SPIKE)] == [24, 40]
    assert found(np.full(60, np.nan), method=Method.ZSCORE) == []
