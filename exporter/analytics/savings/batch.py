"""Work that could wait: flows that run like a machine and are paid at the ordinary tier.

One rule: without hours there is no claim, and only the part that fell into the machine's own hours is claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from exporter.analytics.savings.mix import PRICED, Prices, Saving, exact, shown

NIGHT = (22, 6)
"""UTC hours: from, until."""
NIGHTLY = 0.6  # of the tokens by night
RESTLESS = 0.6  # a weekend day against a working day: people rest, machines do not
BUSIEST = 0.15  # of the hours …
BURSTS = 0.8  # … hold this much of the tokens. Office hours are a quarter of all hours
FEWEST_DAYS = 5


class Rhythm(NamedTuple):
    """Tokens of one flow: all, by night, in the busiest hours (`BUSIEST` of the window), on Saturdays and Sundays.

    `weekend` is the share of the window's days that are Saturdays or Sundays, `days` counts the days with tokens.
    """

    tokens: float
    by_night: float
    in_busiest: float
    on_weekends: float
    weekend: float
    days: int


@dataclass(frozen=True, slots=True)
class Job:
    """One key's use of one model at the ordinary tier: tokens of 30 days by meter, and when they were used."""

    api_key: str
    mix: Mapping[str, Decimal]
    rhythm: Rhythm


def pattern(rhythm: Rhythm) -> tuple[str, float] | None:
    """Why a flow looks like a machine's, and the share of its tokens that does; None: it may be people's."""
    if rhythm.days < FEWEST_DAYS or rhythm.tokens <= 0:
        return None
    by_night, in_busiest = rhythm.by_night / rhythm.tokens, rhythm.in_busiest / rhythm.tokens
    if in_busiest >= BURSTS:
        return f"{in_busiest:.0%} of the tokens fall into the busiest {BUSIEST:.0%} of all hours", in_busiest
    if by_night >= NIGHTLY and _weekend_ratio(rhythm) >= RESTLESS:
        return f"{by_night:.0%} of the tokens are used between 22 and 6 o'clock UTC, on weekends too", by_night
    return None


def batch_saving(account: str, scope: str, model: str, jobs: Iterable[Job], prices: Prices) -> Saving | None:
    """What the machine-like part of these flows would cost less as batches; None: nothing looks like that."""
    total, evidence = Decimal(0), []
    for job in jobs:
        found, gain = pattern(job.rhythm), _gain(job.mix, model, prices)
        if found is None or gain is None:
            continue
        why, share = found
        usd = gain * Decimal(share)
        total += usd
        evidence.append({"api_key": job.api_key, "why": why, "usd_per_month": exact(usd)})
    if total <= 0:
        return None
    flows = f"{len(evidence)} flow{'s' if len(evidence) > 1 else ''}"
    sentence = f"{flows} of requests could run as batches for {shown(total)} a month less, if the answers can wait."
    return Saving(account, scope, model, "batch", total, "batch", sentence, {"flows": evidence})


def _gain(mix: Mapping[str, Decimal], model: str, prices: Prices) -> Decimal | None:
    """The ordinary price less the batch price of everything; None: too much has no price."""
    gain, priced = Decimal(0), Decimal(0)
    for meter, quantity in mix.items():
        ordinary, batch = prices(model, meter), prices(model, meter, "batch")
        if ordinary is not None and batch is not None:
            gain += quantity * max(ordinary - batch, Decimal(0))
            priced += quantity
    return gain if priced >= PRICED * sum(mix.values()) and gain > 0 else None


def _weekend_ratio(rhythm: Rhythm) -> float:
    """A weekend day's tokens divided by a working day's."""
    working = (rhythm.tokens - rhythm.on_weekends) / (1 - rhythm.weekend)
    return rhythm.on_weekends / rhythm.weekend / working if rhythm.weekend and working else 0.0
