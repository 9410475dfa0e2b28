"""`demo`: simulated providers and the real program over them, with one command.

One rule: from the simulated APIs onwards everything is real; nothing is ever mixed with data of yours. Hence an
embedded database in the demo's own folder, whatever the environment says, or one that was named on purpose and has
nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exporter import logs
from exporter.cli import demo_progress, demo_world, show, work
from exporter.cli.serve import Listen, announce, end_on_sigterm

if TYPE_CHECKING:
    from exporter.app import Runtime
    from exporter.config import Config, Settings
    from exporter.demo.server import Simulator

log = logging.getLogger(__name__)
DAYS_PER_MONTH = 30


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    *,
    data_dir: Annotated[Path, typer.Option(help="Where the demo keeps its data.", metavar="FOLDER")] = Path(
        ".data/demo"
    ),
    listen: Listen = None,
    months: Annotated[int, typer.Option(min=1, max=24, help="How much history to invent.")] = 6,
    seed: Annotated[int, typer.Option(help="Another seed is another story.")] = 1,
    database: Annotated[
        Path | None,
        typer.Option(
            help="A file with the address of a database for it, in place of the embedded one.", metavar="FILE"
        ),
    ] = None,
    incidents: Annotated[
        bool, typer.Option("--incidents", help="Print what is invented to have happened, for alerts replay, and end.")
    ] = False,
) -> None:
    """Try it: six months of invented spend at two simulated providers, synced and served like real ones."""
    if incidents:
        for line in demo_world.incidents(demo_world.remembered(data_dir, months=months, seed=seed)):
            show.say(line)
        return
    work.override(listen=listen)
    end_on_sigterm()
    story = demo_world.remembered(data_dir, months=months, seed=seed)
    if database is not None:
        demo_world.refuse_others(database)
    lively = demo_progress.lively()
    settings = demo_world.settings(data_dir, days=months * DAYS_PER_MONTH, database=database)
    logs.setup("warning" if lively and settings.log_level == "info" else settings.log_level, settings.log_format)
    from exporter.app import opened

    show.note("Starting a database and two simulated providers …")
    with demo_world.simulated(story) as simulator:
        config = configuration(simulator, settings, months)
        with opened(config, providers=demo_world.unlimited(), read=lambda: config) as runtime:
            asyncio.run(_serve(runtime))


def configuration(simulator: Simulator, settings: Settings, months: int) -> Config:
    """Two accounts at the simulator and some budgets, as a file would declare them."""
    from exporter.config import AccountPlan, Config, SpendFile

    accounts = demo_world.accounts(simulator)
    plan = AccountPlan(backfill_days=months * DAYS_PER_MONTH)
    return Config(settings, SpendFile(accounts, {account.id: plan for account in accounts}, budgets=demo_world.BUDGETS))


async def _serve(runtime: Runtime) -> None:
    from exporter.app import serve

    watching: list[asyncio.Task[None]] = []

    def ready(url: str) -> None:
        show.note("The program runs; the first sync is under way.")
        watching.append(asyncio.create_task(_watch(runtime, url)))

    try:
        await serve(runtime, ready=ready)
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)


async def _watch(runtime: Runtime, url: str) -> None:
    """Say where the metrics are as soon as there are figures, then show the history coming in."""
    try:
        await demo_progress.first_figures(runtime)
        announce(url)
        _invite(url)
        await demo_progress.history(runtime)
    except Exception:  # watching must never end the program, nor fail in silence
        log.exception("the progress display stopped")


def _invite(url: str) -> None:
    show.say(
        "\nThree things to try next:\n"
        f"  curl -s {url}/metrics | grep ^spend_month_to_date_usd\n"
        f"  curl -s {url}/metrics | promtool check metrics\n"
        "  docs/metrics.md says what each metric means; Ctrl-C ends the demo, its data stays for next time\n"
    )
