"""What the simulated organisations show of a day by the hour: a bill that takes twenty hours, usage that takes one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import numpy as np

from exporter.analytics.nowcast import AGES
from exporter.demo.books import bill
from exporter.demo.series import ANTHROPIC, OPENAI
from exporter.demo.truth import Truth
from exporter.demo.visibility import USAGE
from exporter.domain import DAY, HOUR, Period

SETTLED = 48  # hours, as for both providers


def simulated(first: date, days: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """(name, final figures, figures by age) of each organisation: as its books say, and by its bill alone."""
    anchor = Period.of_day(first + days * DAY).start
    for provider in (OPENAI, ANTHROPIC):
        billed, listed, finals = np.zeros((days, AGES)), np.zeros((days, AGES)), np.zeros(days)
        moment = [anchor]
        truth = Truth(clock=lambda moment=moment: moment[0], days=days, anchor=anchor)  # type: ignore[misc]
        for number in range(days):
            day = first + number * DAY
            finals[number] = _billed(truth, provider, day)
            for age in range(AGES):
                late = age > SETTLED
                moment[0] = Period.of_day(day).start + age * HOUR
                billed[number, age] = billed[number, age - 1] if late else _billed(truth, provider, day)
                listed[number, age] = 0.0 if late else _listed(truth, provider, day)
            moment[0] = anchor
        yield f"demo, {provider}: usage priced until the bill has arrived", finals, np.maximum(billed, listed)
        yield f"demo, {provider}: the bill alone", finals, billed


def _billed(truth: Truth, provider: str, day: date) -> float:
    return float(sum(line.amount for line in truth.lines(provider, day)))


def _listed(truth: Truth, provider: str, day: date) -> float:
    lines = (line for s in truth.of(provider) for line in bill(s, day, truth.seen_total(s, day, USAGE)))
    return float(sum(line.list_amount for line in lines))
