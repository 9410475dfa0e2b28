"""What is promised of forecasts, on generated series: better than the habits of the field, in an honest band."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from benchmarks import forecast_scores
from benchmarks.forecast_generators import GENERATORS, made
from exporter.analytics.forecast import BASELINES, METHODS, backtest, bands, candidates
from exporter.analytics.series import DailySeries

START = date(2024, 1, 1)
HORIZON = 30
JUMPING = ("level_shift", "price_cut", "ramp")
SERIES = {name: DailySeries(START, values) for name, values in made(6, 300, seed=11)}
CASES = {name: list(forecast_scores.cases(method, SERIES, HORIZON, most=3)) for name, method in METHODS.items()}


@pytest.mark.parametrize("baseline", BASELINES)
def test_the_mean_error_is_below_that_of_every_baseline(baseline):
    ours, theirs = (np.mean([case.error for case in CASES[name]]) for name in ("weighted", baseline))
    assert ours < 0.95 * theirs


def test_the_band_holds_what_it_says():
    steady = [case for case in CASES["weighted"] if not case.series.startswith(JUMPING)]
    assert 0.94 <= np.mean([case.inside for case in steady]) <= 0.99
    assert 0.93 <= np.mean([case.days_inside for case in steady]) <= 0.99


def test_the_band_of_a_new_series_holds_too():
    new = list(forecast_scores.cases(METHODS["weighted"], SERIES, HORIZON, most=6, history=14))
    steady = [case for case in new if not case.series.startswith(JUMPING)]
    assert 0.93 <= np.mean([case.inside for case in steady]) <= 0.99
    assert np.mean([case.inside for case in new]) >= 0.88


def test_a_jump_that_nothing_announces_costs_the_band_a_little():
    jumping = [case for case in CASES["weighted"] if case.series.startswith(JUMPING)]
    assert np.mean([case.inside for case in jumping]) >= 0.75


def test_the_bands_of_the_baselines_do_not():
    for baseline in BASELINES:
        assert np.mean([case.inside for case in CASES[baseline]]) < 0.9


@pytest.mark.parametrize("make", GENERATORS)
def test_no_make_of_series_is_far_worse_than_at_this_rate(make):
    ours, plain = (
        np.mean([case.error for case in CASES[name] if case.series.startswith(make)])
        for name in ("weighted", "mean of 30 days")
    )
    assert ours < 1.15 * plain + 0.005


def test_the_width_follows_the_volatility():
    widths = {
        kind: np.median([case.width for case in cases])
        for kind, cases in forecast_scores.by_class(CASES["weighted"]).items()
    }
    assert widths["calm"] < widths["medium"] < widths["wild"]


def test_methods_see_nothing_after_their_origin():
    values = np.random.default_rng(2).lognormal(2, 0.5, 500)
    origins = np.array([450, 430, 60, 15])
    before = candidates.paths(values, origins, 40)
    assert before.shape == (4, len(candidates.NAMES), 40)
    for row, origin in enumerate(origins):
        changed = values.copy()
        changed[origin:] = 1e6
        assert (candidates.paths(changed, origins, 40)[row] == before[row]).all()
        alone = candidates.paths(values[:origin], np.array([origin]), 40)[0]
        assert alone == pytest.approx(before[row], rel=1e-12)


def test_every_method_repeats_a_flat_series():
    assert candidates.paths(np.full(500, 7.0), np.array([500, 100, 30, 1]), 20) == pytest.approx(
        np.full((4, len(candidates.NAMES), 20), 7.0)
    )


def test_last_year_is_looked_at_once_there_is_one():
    season = 100 + 40 * np.sin(np.arange(800) * 2 * np.pi / 364)
    last_year = candidates.NAMES.index("last year")
    for origin in (420, 520, 620):
        ahead = candidates.paths(season, np.array([origin]), 60)[0].sum(axis=1)
        came = season[origin : origin + 60].sum()
        assert ahead[last_year] == pytest.approx(came, rel=0.05)
    assert len(candidates.NAMES) == len(candidates.BELIEF)


@pytest.mark.parametrize(
    ("known", "horizon", "tried"), [(14, 30, 7), (42, 30, 14), (60, 30, 28), (400, 30, 28), (400, 365, 84), (400, 1, 7)]
)
def test_how_many_days_a_round_tries(known, horizon, tried):
    assert backtest.days_tried(known, horizon) == tried


def test_weights_go_to_what_missed_least_but_few_rounds_change_little():
    misses = np.full((20, len(candidates.NAMES)), 0.3)
    misses[:, 3] = 0.05
    assert backtest.weigh(misses)[3] > 0.95
    assert backtest.weigh(misses[:1])[3] < backtest.weigh(misses)[3]
    assert backtest.weigh(misses).sum() == pytest.approx(1)


def test_a_history_too_short_to_be_tried():
    tried = backtest.run(np.ones(10), 30)
    assert tried.tried == 0
    assert tried.miss == 0
    assert tried.weights == pytest.approx(candidates.BELIEF / candidates.BELIEF.sum())


def test_the_scale_grows_with_every_reason_for_doubt():
    usual = bands.Traits(miss=0.1, change=0.1, horizon=30, history=365)
    for doubt in ({"miss": 0.2}, {"change": 0.2}, {"horizon": 90}, {"history": 60}, {"history": 5}):
        traits = bands.Traits(**{"miss": 0.1, "change": 0.1, "horizon": 30, "history": 365, **doubt})
        assert bands.scale(traits) > bands.scale(usual)
    never_sure = bands.Traits(miss=0.0, change=0.0, horizon=1, history=5000)
    assert 0 < bands.scale(never_sure) < 0.05
    hopeless = bands.Traits(miss=math.inf, change=9.0, horizon=3000, history=1)
    assert bands.total_distances(hopeless) == (bands.FURTHEST, bands.FURTHEST)
