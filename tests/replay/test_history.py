"""Telling past days must neither change nor hold up what is stored."""

from __future__ import annotations

from datetime import date

from sqlalchemy import text

from exporter.analytics.anomaly import Settings
from exporter.pricing import NoList, PriceBook
from exporter.replay import history
from exporter.replay.run import context_of

HELD = (
    "SELECT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE l.pid = pg_backend_pid()"
    " AND c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
    " AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')"
)


def test_no_table_of_the_books_or_findings_is_written_or_held(books):
    lease = books.account()
    books.costs(lease, books.window(0, 60), *(books.charge(day, 700 if day == 50 else 70) for day in range(60)),
                settled_until=books.moment(60))  # fmt: skip
    context = context_of(PriceBook(NoList()), {}, Settings(floor=1.0), date(2026, 4, 30))

    def told(db):
        names = set()
        for _, families in history.days(db, date(2026, 4, 19), date(2026, 4, 22), context):
            names |= {family.definition.name for family in families if family.samples}
            assert db.execute(text(HELD)).scalars().all() == []
        db.rollback()
        return names

    with books.engine.connect() as db:
        assert {"spend_today_usd", "spend_forecast_usd", "spend_anomaly_active"} <= told(db)
