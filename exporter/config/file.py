"""The configuration file, checked whole: every mistake is reported, each in one sentence with its line.

One rule: a file either loads completely or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

from exporter.config.accounts import Surroundings, accounts_from
from exporter.config.anomalies import anomalies_from
from exporter.config.budgets import budgets_from
from exporter.config.model import METERS, Fx, PriceOverride, ProviderFields, SpendFile
from exporter.config.tree import Section, parsed, suggestion
from exporter.errors import ConfigError

KEYS = ("accounts", "prices", "fx", "budgets", "anomalies")
PRICE_KEYS = ("provider", "model", "meter", "service_tier", "usd_per_million", "usd_per_unit", "from", "until")
FX_KEYS = ("source", "rates", "base_url")
_CURRENCY = re.compile(r"[A-Z]{3}")


def load(
    path: Path, environment: Mapping[str, str], providers: Mapping[str, ProviderFields], *, optional: bool = False
) -> SpendFile:
    """Read and check the file. With `optional` a missing one is an empty one."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        if optional:
            return SpendFile()
        raise ConfigError(f"The configuration file {path} does not exist.") from None
    except OSError as error:
        raise ConfigError(f"The configuration file {path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"The configuration file {path} is not UTF-8 text.") from None
    top = parsed(text, str(path))
    return SpendFile() if top is None else _file(top, Surroundings(environment, path.parent, providers))


def _file(top: Section, around: Surroundings) -> SpendFile:
    top.expect(KEYS)
    accounts, plans = accounts_from(top, around)
    prices = tuple(_price(entry, around) for entry in top.sections("prices"))
    fx = _fx(top)
    budgets = budgets_from(top)
    anomalies = anomalies_from(top)
    top.mistakes.raise_any()
    return SpendFile(accounts, MappingProxyType(plans), prices, fx, budgets, anomalies)


def _price(entry: Section, around: Surroundings) -> PriceOverride:
    entry.expect(PRICE_KEYS, required=("provider", "model", "meter"))
    provider = entry.text("provider")
    if provider and provider not in around.providers:
        entry.wrong("provider", f"is '{provider}', which is no known provider{suggestion(provider, around.providers)}")
    meter = entry.text("meter")
    if meter and meter not in METERS:
        entry.wrong("meter", f"is '{meter}', which is no known meter{suggestion(meter, METERS)}")
    start, until = entry.day("from"), entry.day("until")
    if start and until and until <= start:
        entry.wrong("until", "must be later than 'from'; it is the first day the price no longer holds")
    return PriceOverride(provider, entry.text("model"), meter, _usd(entry), entry.text("service_tier"), start, until)


def _usd(entry: Section) -> Decimal:
    """The price of one unit, from whichever of the two ways it was stated in."""
    stated = [name for name in ("usd_per_million", "usd_per_unit") if name in entry]
    if len(stated) != 1:
        entry.mistakes.add(entry.node, f"{entry.path} needs either 'usd_per_million' or 'usd_per_unit'")
        return Decimal(0)
    price = entry.number(stated[0])
    if price is None:
        return Decimal(0)
    if price < 0:
        entry.wrong(stated[0], "must not be negative")
    return price.scaleb(-6) if stated[0] == "usd_per_million" else price


def _fx(top: Section) -> Fx:
    section = top.section("fx")
    if section is None:
        return Fx()
    section.expect(FX_KEYS)
    source = section.one_of("source", ("ecb", "fixed")) or "ecb"
    rates = _rates(section)
    if source == "fixed" and not rates:
        section.mistakes.add(section.node, "fx needs 'rates' when its source is fixed")
    url = section.text("base_url")
    if url and not url.startswith(("http://", "https://")):
        section.wrong("base_url", "must begin with http:// or https://")
    return Fx(source, MappingProxyType(rates), url)


def _rates(section: Section) -> dict[str, Decimal]:
    rates: dict[str, Decimal] = {}
    entries = section.section("rates")
    for currency in entries or ():
        rate = entries.number(currency) if entries else None
        if entries and not _CURRENCY.fullmatch(currency):
            entries.wrong(currency, "is not a currency code of three capital letters such as EUR")
        elif entries and currency == "USD":
            entries.wrong(currency, "is always 1: leave it out")
        elif entries and rate is not None and rate <= 0:
            entries.wrong(currency, "must be more than 0: it is what one unit is worth in US dollars")
        elif rate is not None:
            rates[currency] = rate
    return rates
