"""What could cost less: models, batches, caches, seats and the expensive tail.

One rule: quantities are of 30 days and prices are what the account really pays, so every figure is dollars a month.
What has no known price gives no claim.
"""

from exporter.analytics.savings.batch import Job, Rhythm, batch_saving
from exporter.analytics.savings.cache import CacheEffect, cache_effect, cache_saving
from exporter.analytics.savings.discount import Discounts
from exporter.analytics.savings.mix import Flow, Mix, Prices, Saving, mostly_priced, worth_it
from exporter.analytics.savings.model import model_saving
from exporter.analytics.savings.seats import Seats, seat_saving
from exporter.analytics.savings.tail import context_saving, reasoning_savings
from exporter.analytics.savings.what_if import Comparison, Part, compare

__all__ = [
    "CacheEffect",
    "Comparison",
    "Discounts",
    "Flow",
    "Job",
    "Mix",
    "Part",
    "Prices",
    "Rhythm",
    "Saving",
    "Seats",
    "batch_saving",
    "cache_effect",
    "cache_saving",
    "compare",
    "context_saving",
    "model_saving",
    "mostly_priced",
    "reasoning_savings",
    "seat_saving",
    "worth_it",
]
