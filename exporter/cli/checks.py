"""`check-config`: is the configuration right, and what would it do?"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import typer

from exporter.cli import show, work
from exporter.errors import ConfigError

if TYPE_CHECKING:
    from exporter.budgets import Budget
    from exporter.config import Config, PriceOverride, Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check-config")(check_config)


def check_config() -> None:
    """Check the settings and the configuration file, and say what they would do. Touches no database."""
    config = work.configured()
    settings = config.settings
    exists = settings.config_file.exists()
    show.say(f"configuration file  {settings.config_file}{'' if exists else ' (not there: no accounts from a file)'}")
    show.say(f"database            {_database(settings)}")
    show.say(f"data folder         {settings.data_dir}")
    show.say(f"listens on          {settings.listen}")
    show.say(f"exchange rates      {_fx(config)}")
    show.say(f"accounts            {len(config.accounts)}")
    if config.accounts:
        show.table(
            ("id", "provider", "team", "back-fill", "state"), [_row(config, n) for n in range(len(config.accounts))]
        )
    show.say(f"own prices          {len(config.price_overrides)}")
    if config.price_overrides:
        show.table(("provider", "model", "meter", "$ per million", "holds"), map(_price, config.price_overrides))
    show.say(f"budgets             {len(config.budgets)}")
    if config.budgets:
        show.table(("id", "amount", "period", "time zone", "parent"), map(_budget, config.budgets), right=("amount",))
    for sentence in _warnings(config):
        show.note(f"Warning: {sentence}.")
    show.say("The configuration is right.")


def _database(settings: Settings) -> str:
    given = settings.database()
    if given is None:
        return "embedded PostgreSQL in the data folder"
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(given.get_secret_value())
    except (ArgumentError, ValueError):  # ValueError: a port that is not a number
        raise ConfigError("DATABASE_URL is not a URL: write postgresql://user:password@host:5432/database") from None
    # Without its query: that may hold a password too.
    return url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)


def _fx(config: Config) -> str:
    fixed = ", ".join(sorted(config.fx.rates))
    base = "European Central Bank" if config.fx.source == "ecb" else "fixed"
    return f"{base}; fixed: {fixed}" if fixed else base


def _row(config: Config, number: int) -> tuple[str, ...]:
    account = config.accounts[number]
    plan = config.plans[account.id]
    days = config.settings.backfill_days if plan.backfill_days is None else plan.backfill_days
    return account.id, account.provider, account.team or "–", f"{days} days", "disabled" if plan.disabled else "synced"


def _budget(budget: Budget) -> tuple[str, ...]:
    amount = f"{budget.amount:,.2f} {budget.currency}"
    return budget.id, amount, budget.period, budget.time_zone, budget.parent or "–"


def _warnings(config: Config) -> list[str]:
    from exporter.budgets import overallocated

    known = {"USD": Decimal(1)} | dict(config.fx.rates)
    return list(overallocated({budget.id: budget for budget in config.budgets}, known.get))


def _price(price: PriceOverride) -> tuple[str, ...]:
    tier = f" ({price.service_tier})" if price.service_tier else ""
    since, until = price.valid_from or "always", price.valid_until or "…"
    return price.provider, price.model, price.meter + tier, f"{price.usd_per_unit * 1_000_000:f}", f"{since} – {until}"
