"""`python -m benchmarks [topic …] [--rows N]`: measure, print, judge. Exit code 1 when a ratio was missed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from benchmarks import export, ingest, postgres, publish, scrape
from benchmarks.report import Report

TOPICS: dict[str, Callable[[str, argparse.Namespace], Report]] = {
    "ingest": lambda url, options: ingest.measure(url, options.rows),
    "export": lambda url, options: export.measure(url, options.rows),
    "publish": lambda url, _: publish.measure(url),
    "scrape": lambda url, options: scrape.measure(url, options.seconds),
}


def main() -> None:
    """All topics, or those that were named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("topics", nargs="*", metavar="topic", help=", ".join(TOPICS))
    parser.add_argument("--rows", type=int, default=1_000_000, help="usage rows to ingest, in thousands of whole hours")
    parser.add_argument("--seconds", type=float, default=20, help="how long each scrape measurement lasts")
    options = parser.parse_args()
    if unknown := set(options.topics) - TOPICS.keys():
        parser.error(f"there is no topic {', '.join(sorted(unknown))}: use {', '.join(TOPICS)}")
    reports = [_measured(topic, options) for topic in options.topics or TOPICS]
    sys.exit(any(report.failed for report in reports))


def _measured(topic: str, options: argparse.Namespace) -> Report:
    """A topic on a fresh server: none inherits another's cache or litter."""
    with postgres.server() as url:
        report = TOPICS[topic](url, options)
    print(report.shown(), flush=True)
    return report


if __name__ == "__main__":
    main()
