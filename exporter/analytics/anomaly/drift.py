"""Gradual drift: a level that climbs or sinks week after week, faster than the series ever grew.

One rule: growth that goes on as before is no drift, and a jump is not gradual.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from exporter.analytics.anomaly.usual import Grid

STEP = 7
SPAN = 28  # days over which growth is measured
NEEDED = 35 + 3 * SPAN  # days of past
FASTER = float(np.log(1.5))  # in a span, beyond the fastest of the spans before
STEADY = 0.8  # a series that usually strays further than this has no drift that anybody could tell from noise
_TINY = 1e-12


class Drift(NamedTuple):
    """One day of all series: where it drifts, and the level that growth as before would have brought."""

    sign: NDArray[np.float64]  # +1, −1 or 0
    growth: NDArray[np.float64]  # over the span, as a logarithm
    usual: NDArray[np.float64]  # the fastest growth of the spans before, in the same direction


def drift(clean: Grid, day: int) -> Drift:
    """Look at the weeks up to and including `day`; call it once a week."""
    weeks = np.log(np.stack([_week(clean, day - STEP * back) for back in range(3 * SPAN // STEP + 1)]) + _TINY)
    per_span = SPAN // STEP
    growth = weeks[0] - weeks[per_span]
    before = np.stack([weeks[at] - weeks[at + per_span] for at in range(per_span, 2 * per_span + 1)])
    steps = weeks[:per_span] - weeks[1 : per_span + 1]
    usual = np.maximum((np.sign(growth) * before).max(axis=0), 0.0)
    gradual = (np.sign(growth) * steps > 0).all(axis=0) & (np.abs(steps).max(axis=0) < 0.5 * np.abs(growth))
    return Drift(np.sign(growth) * (gradual & (np.abs(growth) > usual + FASTER)), growth, usual)


def _week(clean: Grid, day: int) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = np.maximum(clean[day - STEP + 1 : day + 1].mean(axis=0), 0.0)
    return mean
