"""`python -m exporter` is `spend-exporter`."""

from exporter.cli import main

main()
