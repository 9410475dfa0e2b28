"""How far a series usually strays from what is expected, upwards and downwards apart, learnt from its own past.

One rule: sizes are relative to the expected cost, and a perfectly regular past still leaves a range: `least`. So a
flat baseline hides nothing, and a cent of noise on it wakes nobody.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.float64]
"""Days × series, so that a day of all series is one stretch of memory."""
Row = NDArray[np.float64]

WINDOW = 112  # days of past that count
RARE = 45  # what happens oftener than once in so many days is usual
QUARTILE = 0.6745  # of a standard normal: turns a quartile into a sigma
DEEPEST = 0.80  # noise alone widens the range downwards no further: a drop to nothing stays a drop
NOTHING = -0.98  # a size downwards that leaves nothing
WILD = 1.0  # a range upwards in which a doubling is usual
WILDER = 3.0  # times as much is it widened by crying wolf
NEVER = 1e9


class Sensitivity(NamedTuple):
    """Where one test draws its line."""

    least: float  # never closer than this share of the expected cost
    sigmas: float  # nor closer than this many robust sigmas
    beyond: float  # nor closer than this multiple of what was seen before (downwards: this part of what was left)
    most: float = NEVER  # a series whose line lies further out is not tested at all


class Range(NamedTuple):
    """The widest usual size of each series, upwards and downwards."""

    up: Row
    down: Row

    def times(self, size: Row) -> Row:
        """How many times the usual range a size is."""
        return np.where(size > 0, size / self.up, -size / self.down)


def usual_range(past: Grid, up: Sensitivity, down: Sensitivity, crowd: Grid) -> Range:
    """The range after the days of `past` (signed sizes, reported ones winsorised).

    `crowd` widens what is learnt, upwards and downwards: who cries wolf must cry louder.
    """
    ordered = np.sort(past, axis=0)
    return Range(_up(ordered, up, crowd[0]), _down(ordered, down, crowd[1]))


def _up(ordered: Grid, test: Sensitivity, crowd: Row) -> Row:
    days = len(ordered)
    quarter, highest = ordered[-1 - days // 4], ordered[-1 - days // RARE]
    learnt = np.maximum(test.sigmas * quarter / QUARTILE, test.beyond * highest)
    doubt = 1 + 8 / max(days, 8) ** 1.2  # little past
    crowd = np.where(learnt > WILD, 1 + (crowd - 1) * WILDER, crowd)
    range_ = np.maximum(test.least, learnt * doubt * crowd)
    return np.where(range_ > test.most, NEVER, range_)


def _down(ordered: Grid, test: Sensitivity, crowd: Row) -> Row:
    days = len(ordered)
    quarter, lowest = ordered[days // 4], np.minimum(ordered[days // RARE], 0.0)
    noise = np.minimum(test.sigmas * -quarter / QUARTILE * crowd, DEEPEST)
    # A cost can't fall by more than all of it: the yardstick is what used to be left at the least.
    left = 1 - np.maximum(1 + lowest, 0.0) / test.beyond
    learnt = np.where(lowest <= NOTHING, np.maximum(-1.3 * lowest, 1.05), np.maximum(noise, left))
    range_ = np.maximum(test.least, learnt)
    return np.where((range_ > test.most) & (range_ < 1), NEVER, range_)
