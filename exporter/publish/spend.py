"""Money, tokens and states of a publication: the present figures of every account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from sqlalchemy import Connection

from exporter.metrics import catalog
from exporter.metrics.catalog import Definition
from exporter.metrics.fold import Labels, Row
from exporter.metrics.snapshot import Family, Sample
from exporter.publish.folding import Folding
from exporter.store import figures
from exporter.store.figures import AccountFigures, Calendar, ReportFigures

BURN_WINDOWS = {"7d": 7, "30d": 30}


def families(db: Connection, calendar: Calendar, folding: Folding, priced: Sequence[tuple[str, str]]) -> list[Family]:
    """What was spent and consumed. `priced`: the (provider, report) pairs whose tokens should have a price."""
    return [*of_days(db, calendar, folding, priced), *_books(db)]


def of_days(db: Connection, calendar: Calendar, folding: Folding, priced: Sequence[tuple[str, str]]) -> list[Family]:
    """What belongs to days, so that any past day can be asked for too."""
    return [*money(db, calendar, folding), *consumption(db, calendar, folding), *_plain(db, calendar, priced)]


def money(db: Connection, calendar: Calendar, folding: Folding) -> list[Family]:
    """Dollars of today, yesterday and the month."""
    definitions = (catalog.TODAY_USD, catalog.YESTERDAY_USD, catalog.MONTH_TO_DATE_USD)
    rows: tuple[list[Row], ...] = ([], [], [])
    for labels, *amounts in ((row[:7], *row[7:]) for row in figures.spend(db, calendar)):
        for place, amount in enumerate(amounts):
            if amount is not None:
                rows[place].append((labels, amount))
    return [folding.family(definition, found) for definition, found in zip(definitions, rows, strict=True)]


def consumption(db: Connection, calendar: Calendar, folding: Folding) -> list[Family]:
    """Tokens, what they are estimated at, and requests."""
    today: list[Row] = []
    month: list[Row] = []
    for row in figures.tokens(db, calendar):
        month.append((row[:7], row.month_to_date or Decimal(0)))
        if row.today is not None:
            today.append((row[:7], row.today))
    estimates = [(row[:7], row.month_to_date or Decimal(0)) for row in figures.estimates(db, calendar)]
    requests = [(row[:5], row.today) for row in figures.requests(db, calendar)]
    return [
        folding.family(catalog.TOKENS_TODAY, today),
        folding.family(catalog.TOKENS_MONTH_TO_DATE, month),
        folding.family(catalog.ESTIMATED_MONTH_TO_DATE_USD, estimates),
        folding.family(catalog.REQUESTS_TODAY, requests),
    ]


def _books(db: Connection) -> Iterable[Family]:
    dollars = catalog.RECOGNIZED_USD, catalog.REVERSED_USD
    tokens = catalog.TOKENS_RECOGNIZED, catalog.TOKENS_REVERSED
    samples: dict[str, list[Sample]] = {definition.name: [] for definition in (*dollars, *tokens)}
    for provider, account, counter, *amounts in figures.ledger(db):
        is_money = counter == "usd"
        labels = (provider, account) if is_money else (provider, account, counter)
        for definition, amount in zip(dollars if is_money else tokens, amounts, strict=True):
            samples[definition.name].append((labels, float(amount)))
    return [Family(definition, samples[definition.name]) for definition in (*dollars, *tokens)]


def _plain(db: Connection, calendar: Calendar, priced: Sequence[tuple[str, str]]) -> Iterable[Family]:
    previous = figures.previous_month(db, calendar)
    unpriced = figures.unpriced_tokens(db, calendar, priced)
    rates = [
        ((provider, account, window), float(rate))
        for window, days in BURN_WINDOWS.items()
        for provider, account, rate in figures.burn_rates(db, calendar, days)
    ]
    ratios = [((provider, account), float(ratio)) for provider, account, ratio in figures.reconciliation(db, calendar)]
    scopes = [(labels, 1.0) for labels in figures.scope_names(db)]
    return [
        Family(catalog.PREVIOUS_MONTH_USD, [(row[:4], float(row.whole)) for row in previous]),
        Family(catalog.PREVIOUS_MONTH_SAME_DAY_USD, [(row[:4], float(row.same_day or 0)) for row in previous]),
        Family(catalog.UNPRICED_TOKENS_MONTH_TO_DATE, [((p, model), float(n)) for p, model, n in unpriced]),
        Family(catalog.BURN_RATE_USD_PER_DAY, rates),
        Family(catalog.RECONCILIATION_RATIO, ratios),
        Family(catalog.SCOPE_INFO, scopes),
    ]


def states(accounts: Iterable[AccountFigures], reports: Iterable[ReportFigures]) -> Iterable[Family]:
    """What is known of each account and report."""
    samples: dict[str, list[Sample]] = {}

    def add(definition: Definition, labels: Labels, value: float | None) -> None:
        found = samples.setdefault(definition.name, [])
        if value is not None:
            found.append((labels, value))

    for a in accounts:
        who = (a.provider, a.account)
        tried = a.last_success_at is not None or a.consecutive_failures > 0
        add(catalog.ACCOUNT_INFO, (*who, a.name, a.team, a.category), 1.0)
        add(catalog.PROVIDER_UP, who, float(a.consecutive_failures == 0) if tried and not a.disabled else None)
        add(catalog.LAST_SUCCESS, who, a.last_success_at.timestamp() if a.last_success_at else None)
        # What is switched off on purpose must not keep an alert firing.
        add(catalog.CONSECUTIVE_FAILURES, who, None if a.disabled else float(a.consecutive_failures))
        add(catalog.LAST_DURATION, who, a.last_duration)
        add(catalog.LAST_FAILURE, (*who, a.failure_reason), 1.0 if a.failure_reason and not a.disabled else None)
    for r in reports:
        where = (r.provider, r.account, r.report)
        add(catalog.DATA_LATEST, where, r.latest_end.timestamp() if r.latest_end else None)
        add(catalog.DATA_SETTLED, where, r.settled_until.timestamp())
        add(catalog.BACKFILL_PROGRESS, where, r.progress)
    return [
        Family(definition, samples[definition.name]) for definition in catalog.PRODUCT if definition.name in samples
    ]
