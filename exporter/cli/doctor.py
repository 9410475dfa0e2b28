"""`doctor`: is everything in place? A list of findings, each with what to do. It changes nothing."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from exporter import logs
from exporter.cli import doctor_checks, show
from exporter.cli.doctor_checks import Finding

MARKS = {True: "✓", False: "✗", None: "–"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)


def doctor() -> None:
    """Check Python, configuration, keys, database, accounts and the address served. Exit code 1 on any ✗."""
    logs.setup("error")
    if not _print(doctor_checks.findings()):
        show.say("\nSomething needs attention: see ✗ above.")
        raise typer.Exit(1)
    show.say("\nAll is well.")


def _print(findings: Iterable[Finding]) -> bool:
    well = True
    for finding in findings:
        show.say(f"{MARKS[finding.well]} {finding.what}: {finding.says}")
        well &= finding.well is not False
    return well
