"""Prices: list prices with history, overrides, and the estimate they give. No I/O, no clock."""

from exporter.pricing.book import OVERRIDE, Difference, ListPrice, PriceBook, repriced
from exporter.pricing.charges import price, priced
from exporter.pricing.genai import GenaiPrices
from exporter.pricing.guard import implausible
from exporter.pricing.prices import Catalogue, NoList, Override, Point, PriceKey, UnitPrice, Use

__all__ = [
    "OVERRIDE",
    "Catalogue",
    "Difference",
    "GenaiPrices",
    "ListPrice",
    "NoList",
    "Override",
    "Point",
    "PriceBook",
    "PriceKey",
    "UnitPrice",
    "Use",
    "implausible",
    "price",
    "priced",
    "repriced",
]
