"""Every metric this program exports, as data: snapshot, health instruments and the reference page are built from it.

One namespace for all families, so that a reader writes `catalog.TODAY_USD` wherever it is defined.
"""

from __future__ import annotations

from exporter.metrics.catalog import budgets, health, insights, spend
from exporter.metrics.catalog.budgets import *  # noqa: F403
from exporter.metrics.catalog.definition import FAILURE_REASONS, FOLDABLE, OTHER, ROW_OUTCOMES, Definition
from exporter.metrics.catalog.health import *  # noqa: F403
from exporter.metrics.catalog.insights import *  # noqa: F403
from exporter.metrics.catalog.spend import *  # noqa: F403

PRODUCT: tuple[Definition, ...] = tuple(
    value for module in (spend, budgets, insights) for value in vars(module).values() if isinstance(value, Definition)
)
"""The product's numbers, in the order written."""
EXPORTER: tuple[Definition, ...] = tuple(value for value in vars(health).values() if isinstance(value, Definition))
DEFINITIONS = (*PRODUCT, *EXPORTER)

__all__ = ["DEFINITIONS", "EXPORTER", "FAILURE_REASONS", "FOLDABLE", "OTHER", "PRODUCT", "ROW_OUTCOMES", "Definition"]
