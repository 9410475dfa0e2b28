"""Forecasts: `forecast` is the method in use; docs/forecasting.md tells how to put another in its place."""

from exporter.analytics.forecast.baselines import BASELINES
from exporter.analytics.forecast.model import Forecast, Method, weighted

METHODS: dict[str, Method] = {"weighted": weighted, **BASELINES}
"""Every method by name; the first is the one in use."""

forecast: Method = weighted

__all__ = ["BASELINES", "METHODS", "Forecast", "Method", "forecast", "weighted"]
