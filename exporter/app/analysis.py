"""The analysis as a process of its own: one job as JSON on stdin, what was done as JSON on stdout.

One rule: the database's address comes through the pipe, never through an argument that others can list.
"""

from __future__ import annotations

import json
import sys

from exporter import logs
from exporter.analytics.anomaly import Method, Settings
from exporter.app.job import Job
from exporter.config import AnomalySettings
from exporter.errors import SpendError
from exporter.insights.run import run
from exporter.pricing import GenaiPrices
from exporter.providers import ALL
from exporter.store import prices
from exporter.store.database import Database
from exporter.sync.prices import Valuer


def main() -> int:
    """Read the job, do it, say what was done."""
    job = Job.heard(json.load(sys.stdin))
    logs.setup(job.log_level, job.log_format)
    database = Database(job.url, connections=1)
    try:
        json.dump(_done(job, database), sys.stdout)
    except SpendError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        database.close()
    return 0


def _done(job: Job, database: Database) -> dict[str, str]:
    lists = {name: provider.prices for name, provider in ALL.items()}
    valuer = Valuer(catalogue=GenaiPrices(), lists=lists, overrides=job.overrides)
    valuer.load(database.call(prices.recorded_prices), database.call(prices.stored_rates))
    return run(database, job.now, valuer.valuation.book, job.rates, sensitivity(job.anomalies))


def sensitivity(stated: AnomalySettings) -> Settings:
    """What the configuration says, as the methods take it."""
    return Settings(Method(stated.method), stated.floor_usd, stated.sigmas, stated.baseline_days, stated.factor)


if __name__ == "__main__":
    sys.exit(main())
