"""Series of known make, each with one habit of spend. For generality: none is a target to be tuned to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.float64]
Random = np.random.Generator
WEEKDAYS = np.array([1.15, 1.2, 1.2, 1.15, 1.05, 0.65, 0.6])


def weekly(random: Random, days: int) -> Days:
    """A steady product with quiet weekends."""
    return 100 * np.resize(WEEKDAYS, days) * _noise(random, days, 0.06) * _wander(random, days, 0.006)


def growth(random: Random, days: int) -> Days:
    """Growth that slows down and starts again."""
    pace = np.repeat(random.normal(0.003, 0.003, days // 60 + 1), 60)[:days]
    return 50 * np.exp(np.cumsum(pace)) * np.resize(WEEKDAYS, days) * _noise(random, days, 0.08)


def level_shift(random: Random, days: int) -> Days:
    """Steps where plans or architectures change."""
    steps = np.where(random.random(days) < 1 / 90, random.normal(0.1, 0.45, days), 0.0)
    return 80 * np.exp(np.cumsum(steps)) * np.resize(WEEKDAYS, days) * _noise(random, days, 0.07)


def intermittent(random: Random, days: int) -> Days:
    """Jobs that run on some days only."""
    runs = random.random(days) < random.uniform(0.15, 0.5)
    return np.where(runs, random.lognormal(3, 0.6, days), 0.0) * _wander(random, days, 0.01)


def incident(random: Random, days: int) -> Days:
    """A steady series with rare days of several times the usual."""
    spikes = np.where(random.random(days) < 1 / 60, random.uniform(2, 10, days), 1.0)
    return 100 * spikes * np.resize(WEEKDAYS, days) * _noise(random, days, 0.1)


def price_cut(random: Random, days: int) -> Days:
    """Growing use, with prices that fall by half once or twice."""
    cuts = np.zeros(days)
    cuts[random.integers(days // 4, days, 2)] = -random.uniform(0.3, 0.9, 2)
    return growth(random, days) * np.exp(np.cumsum(cuts))


def ramp(random: Random, days: int) -> Days:
    """Use of a model: bursts of projects that come, hold and go."""
    level = np.full(days, 0.2)
    for start in random.integers(-60, days, max(days // 40, 3)):
        length, rise = int(random.integers(20, 120)), random.uniform(2, 15)
        at = np.arange(max(start, 0), min(start + length, days))
        level[at] += random.lognormal(0.5, 0.8) * (1 - np.exp(-(at - start + 1) / rise))
    return 40 * level * np.resize(WEEKDAYS, days) * _noise(random, days, 0.35)


def switching(random: Random, days: int) -> Days:
    """A level that wanders far, with idle weeks."""
    idle = np.repeat(random.random(days // 7 + 1) < 0.08, 7)[:days]
    return np.where(idle, 0.02, 1.0) * 30 * _wander(random, days, 0.07) * _noise(random, days, 0.4)


GENERATORS: dict[str, Callable[[Random, int], Days]] = {
    maker.__name__: maker for maker in (weekly, growth, level_shift, intermittent, incident, price_cut, ramp, switching)
}


def made(each: int, days: int, seed: int = 7) -> Iterator[tuple[str, Days]]:
    """So many series of every make; the same seed makes the same series."""
    random = np.random.default_rng(seed)
    for name, maker in GENERATORS.items():
        for number in range(each):
            yield f"{name} {number}", maker(random, days)


def _noise(random: Random, days: int, spread: float) -> Days:
    return random.lognormal(-(spread**2) / 2, spread, days)


def _wander(random: Random, days: int, step: float) -> Days:
    return np.exp(np.cumsum(random.normal(0, step, days)))
