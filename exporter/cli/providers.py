"""`providers`: what can be synced, and what each needs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from exporter.cli import show, work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from exporter.providers.base import Field, Provider


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(providers)


def providers(
    name: Annotated[str | None, typer.Argument(help="One provider, to see all about it.", metavar="[NAME]")] = None,
) -> None:
    """The providers that can be synced; with a name: its credentials, options and reports."""
    from exporter.providers import ALL

    if name is not None:
        _one(work.provider_named(name))
        return
    rows = [
        (one.name, one.title, one.category, ", ".join(field.name for field in one.credentials), len(one.reports))
        for one in ALL.values()
    ]
    show.table(("name", "title", "category", "credentials", "reports"), rows, right=("reports",))


def _one(provider: Provider) -> None:
    from exporter.providers.base import COMMON_OPTIONS

    show.say(f"{provider.title} ({provider.name}, {provider.category})")
    show.say(f"address: {provider.base_url} ")
    if provider.guide:
        show.say(f"where to make the credential: {provider.guide}")
    _fields("Credentials", provider.credentials)
    _fields("Options", (*COMMON_OPTIONS, *provider.options))
    show.say("\nReports")
    rows = [
        (report.name, str(report.source), _span(report.grain), _span(report.history), _span(report.settles))
        for report in provider.reports
    ]
    show.table(("report", "source", "grain", "history", "settles after"), rows, right=("grain", "history"))


def _fields(title: str, fields: Sequence[Field]) -> None:
    if not fields:
        return
    show.say(f"\n{title}")
    for field in fields:
        default = f", default {field.default}" if field.default else ""
        show.say(f"  {field.name}: {field.title} ({'required' if field.required else 'optional'}{default})")
        if field.help:
            show.say(f"    {field.help}")


def _span(span: timedelta) -> str:
    """In whole days or hours, whichever is round."""
    days, rest = divmod(span, timedelta(days=1))
    if days and not rest:
        return f"{days} day{'s' if days > 1 else ''}"
    hours = span // timedelta(hours=1)
    return f"{hours} hour{'s' if hours != 1 else ''}"
