"""The command line: a thin layer over the application.

One rule: a command imports what it needs when it runs, so that `--help` answers at once.
"""

from exporter.cli.root import main

__all__ = ["main"]
