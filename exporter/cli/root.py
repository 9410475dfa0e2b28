"""The root of all commands: global options, and the one place where errors become sentences and exit codes.

Exit codes: 0 done, 1 an error with its sentence on stderr, 2 wrong usage, 130 interrupted, 143 told to stop.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from exporter import __version__
from exporter.cli import (
    accounts,
    alerts,
    analyse,
    anomalies,
    budgets,
    checks,
    database,
    demo,
    doctor,
    export,
    forecast,
    invoices,
    keys,
    prices,
    providers,
    reconcile,
    savings,
    serve,
    show,
    sync,
    trends,
    work,
)
from exporter.errors import SpendError

INTERRUPTED = 130
_CLICK = next(base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException")
_OWN = (typer.Exit, typer.Abort, cast("type[Exception]", _CLICK))


class Commands(TyperGroup):
    """Turns whatever a command raises into one sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except _OWN:
            raise
        except SpendError as error:
            show.error(str(error))
            _debug_traceback()
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            show.note("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 (the last resort: a sentence instead of a traceback)
            show.error(
                f"a fault of this program ({type(error).__name__}: {error}); run again with --debug to see where"
            )
            _debug_traceback()
            raise typer.Exit(1) from None


def _debug_traceback() -> None:
    if os.environ.get("SPEND_LOG_LEVEL", "").lower() == "debug":
        traceback.print_exc()


app = typer.Typer(
    name="spend-exporter",
    cls=Commands,
    help="What you pay AI, SaaS and cloud providers, as Prometheus metrics that stay right.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        show.say(f"spend-exporter {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    config: Annotated[
        Path | None, typer.Option(help="The configuration file, in place of SPEND_CONFIG_FILE.", metavar="FILE")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="The data folder, in place of SPEND_DATA_DIR.", metavar="FOLDER")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Log everything, and show where an error arose.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """What you pay AI, SaaS and cloud providers, as Prometheus metrics that stay right."""
    del version
    override(config=config, data_dir=data_dir)
    if debug:
        os.environ["SPEND_LOG_LEVEL"] = "debug"


# Options become the variables they stand for, so that a reload while serving sees the same.
override = work.override

serve.register(app)
demo.register(app)
sync.register(app)
app.add_typer(accounts.app, name="accounts")
app.add_typer(budgets.app, name="budgets")
export.register(app)
app.add_typer(invoices.app, name="invoices")
reconcile.register(app)
app.add_typer(alerts.app, name="alerts")
checks.register(app)
providers.register(app)
app.add_typer(prices.app, name="prices")
database.register(app)
app.add_typer(keys.app, name="keys")
doctor.register(app)
analyse.register(app)
app.add_typer(savings.app, name="savings")
forecast.register(app)
anomalies.register(app)
trends.register(app)


def main() -> None:
    """Run the command that the process was started with."""
    try:
        app()
    except BrokenPipeError:  # the reader had enough
        sys.stderr.close()
        sys.exit(0)
