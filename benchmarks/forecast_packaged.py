"""AutoETS and MSTL of `statsforecast`, as rivals: what a package gives without a line of tuning.

One rule: season of a week and nothing else set. The package is the dependency group `bench`; only --packaged needs it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporter.analytics.forecast import Forecast, Method
from exporter.analytics.series import WEEK, filled, volatility

Days = NDArray[np.float64]


def methods() -> dict[str, Method]:
    """Both by name.

    Raises:
        SystemExit: the package is not installed.
    """
    try:
        from statsforecast.models import MSTL, AutoETS  # noqa: PLC0415
    except ImportError as missing:
        raise SystemExit("--packaged needs statsforecast: run `python -m pip install --group bench` first") from missing
    makers: dict[str, Callable[..., Any]] = {"AutoETS": AutoETS, "MSTL": MSTL}
    return {name: _method(name, maker) for name, maker in makers.items()}


def _method(name: str, maker: Callable[..., Any]) -> Method:
    def method(history: Days, horizon: int, *, start: date | None = None) -> Forecast:
        del start
        values = filled(history)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = maker(season_length=WEEK).forecast(y=values, h=horizon, level=[95])
        daily, lower, upper = (np.maximum(made[part], 0.0) for part in ("mean", "lo-95", "hi-95"))
        # There is no range of a total: days that all miss the same way are the widest that it can be.
        sums = (float(part.sum()) for part in (daily, lower, upper))
        return Forecast(name, volatility(values), daily, lower, upper, *sums)

    return method
