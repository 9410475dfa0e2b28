"""docs/metrics.md, written from the catalog: ``python -m exporter.metrics.reference > docs/metrics.md``.

One rule: the committed page equals what this prints; a test says so when it does not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from exporter.metrics.catalog import EXPORTER, PRODUCT, Definition
from exporter.metrics.fold import DEFAULT_CAP

_INTRO = f"""\
# Metrics

Written from the catalog by `python -m exporter.metrics.reference`; a test compares the two.

**Units.** Money is in US dollars and ends in `_usd`; durations are in seconds; times are unix timestamps in seconds;
ratios go from 0 to 1, except billed ÷ estimated, which is about 1 when all is well.

**Day border.** "Today", "yesterday" and "month" are UTC days and UTC calendar months.

**Freshness.** Figures are as of the last sync; a scrape reads ready-made bytes and asks nobody. How old an account's
data is: `time() - spend_data_latest_timestamp_seconds`. When the database or a provider is down, the last known figures
stay, and `spend_exporter_database_up`, `spend_provider_up` and the timestamps tell so. Providers correct the past;
figures from before `spend_data_settled_timestamp_seconds` are not expected to change any more.

**Gauges and counters.** Money that a provider can correct downwards is a gauge. For spend over any range there are two
counters, one for every increase and one for every decrease of the books; they live in the database and survive
restarts. Net spend that became known in the last day:

```promql
increase(spend_recognized_usd_total[1d]) - increase(spend_reversed_usd_total[1d])
```

**Two replicas** report the same money. Take one before adding up:

```promql
sum by (provider) (max without (instance) (spend_month_to_date_usd))
```

The counters of the exporter's own health (`spend_exporter_…`) belong to one process: add those up.

**Cardinality.** Users and API keys are never labels. Each metric keeps its {DEFAULT_CAP:,} largest label sets; the rest
are added up in `scope="other"`, `model="other"`, so every sum stays exact; `spend_exporter_series_folded` tells how
many.
"""


def markdown() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _INTRO
    yield "## Spend, usage and freshness\n"
    yield from _table(PRODUCT)
    yield "\n## The exporter's own health\n"
    yield from _table(EXPORTER)
    yield "\nBesides these, the usual `process_…` metrics: CPU time, memory, open files, start time."


def _table(definitions: Iterable[Definition]) -> Iterator[str]:
    yield "| metric | type | labels | meaning |"
    yield "|---|---|---|---|"
    for definition in definitions:
        labels = ", ".join(f"`{label}`" for label in definition.labels) or "–"
        yield f"| `{definition.name}` | {definition.kind} | {labels} | {definition.help} |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
