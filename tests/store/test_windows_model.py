"""Window replacement against a model of a few dictionaries: after any sequence of readings both say the same.

The model knows no SQL and no increments: it keeps the facts and works everything else out from them each time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from exporter.domain import DAY, HOUR, Charge, Dimensions, Period, Source, Usage, day_of
from exporter.errors import UnexpectedReply
from exporter.store import accounts, leases, partitions
from exporter.store.accounts import StoredAccount
from exporter.store.facts import Counts
from exporter.store.windows import replace_window

START = datetime(2026, 2, 25, tzinfo=UTC)  # windows cross the end of a month
DAYS = 8
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXACT = Context(prec=200)

STATED = [Source.COST_API, Source.INVOICE, Source.IMPORT, Source.MANUAL]
ESTIMATED = [Source.REQUEST, Source.PRICED_USAGE]


@dataclass(frozen=True)
class Kind:
    """A report as it is generated: what its rows are, and how long their periods."""

    report: str
    source: Source
    money: Source
    periods: tuple[timedelta, ...]
    omits_days: bool = False

    @property
    def longest(self) -> timedelta:
        return max(*self.periods, DAY)


KINDS = (
    Kind("usage", Source.USAGE_API, Source.PRICED_USAGE, (HOUR, HOUR, DAY)),
    Kind("costs", Source.COST_API, Source.COST_API, (DAY,)),
    Kind("costs", Source.COST_API, Source.COST_API, (DAY,)),  # twice: the commonest partner of usage
    Kind("grants", Source.COST_API, Source.COST_API, (DAY, 2 * DAY, 3 * DAY)),
    Kind("invoices", Source.INVOICE, Source.INVOICE, (DAY, 3 * DAY)),
    Kind("invoices", Source.INVOICE, Source.INVOICE, (DAY, 3 * DAY)),  # twice: costs make them give way
    Kind("typed in", Source.MANUAL, Source.MANUAL, (DAY,)),
    Kind("telemetry", Source.REQUEST, Source.REQUEST, (HOUR,)),
    Kind("activity", Source.ANALYTICS, Source.ANALYTICS, (DAY,), omits_days=True),
    Kind("gappy", Source.USAGE_API, Source.PRICED_USAGE, (HOUR, DAY, 2 * DAY), omits_days=True),
)
NAMES = ("", "proj", "tab\there", "line\nbreak\r", "back\\slash\\t", "\\N", "\\.", "nul\0", "ünïcødé 😀", "'quoted\"")
FIGURES = st.one_of(
    st.integers(0, 3),
    st.sampled_from([Decimal("0.00004"), Decimal("-12.5"), Decimal("0.000000000000000001"), Decimal("999999.999")]),
    st.decimals(-1000, 1000, places=18),
)
HUGE = st.sampled_from([Decimal(3_000_000_000) * 1_000_000, Decimal("1E+20"), Decimal("123456789012345678.5")])


@dataclass(frozen=True)
class Plan:
    """One reading as generated."""

    kind: Kind
    window: Period
    usage: list[list[Usage]]
    charges: list[list[Charge]]
    settled_until: datetime
    euro: Decimal

    def usd(self, charge: Charge) -> Decimal:
        with localcontext(EXACT):
            return charge.amount * (self.euro if charge.currency == "EUR" else 1)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    kind = draw(st.sampled_from(KINDS))
    first = draw(st.integers(0, DAYS - 1))
    window = Period(START + first * DAY, START + draw(st.integers(first + 1, DAYS)) * DAY)
    fault = draw(st.sampled_from(["none"] * 9 + ["outside", "repeated"]))
    usage = [[Usage(*row[:2], row[2]) for row in rows] for rows in draw(pages(kind, window, fault))]
    charges = [
        [Charge(*row[:2], row[2], draw(st.sampled_from(["USD", "USD", "EUR"]))) for row in rows]
        for rows in draw(pages(kind, window, fault))
    ]
    if kind.source not in (Source.USAGE_API, Source.ANALYTICS):
        usage = []
    if kind.source is Source.ANALYTICS:
        charges = []
    settled = START + draw(st.integers(0, DAYS)) * DAY
    return Plan(kind, window, usage, charges, settled, draw(st.sampled_from([Decimal("1.1"), Decimal("1.25")])))


@st.composite
def pages(draw: st.DrawFn, kind: Kind, window: Period, fault: str) -> list[list[tuple[Period, Dimensions, Decimal]]]:
    days = (window.end - window.start) // DAY
    earliest, latest = (-1, days) if fault == "outside" else (0, days - 1)
    made: list[list[tuple[Period, Dimensions, Decimal]]] = []
    seen: set[tuple[Period, Dimensions]] = set()
    for _ in range(draw(st.integers(0, 2))):
        rows = []
        for _ in range(draw(st.integers(0, 4))):
            length = draw(st.sampled_from(kind.periods))
            start = window.start + draw(st.integers(earliest, latest)) * DAY
            if length == HOUR:
                start += draw(st.sampled_from([0, 1, 23])) * HOUR
            dimensions = Dimensions(
                meter=draw(st.sampled_from(["input", "output"])),
                unit=draw(st.sampled_from(["tokens", "tokens", "requests"])),
                scope=draw(st.sampled_from(NAMES)) if draw(st.booleans()) else "",
                api_key=draw(st.sampled_from(["", "key"])),
                tags=draw(st.sampled_from([(), (("feature", "a\tb\\u0000\0"),)])),
            )
            figure = draw(HUGE if length <= DAY and draw(st.integers(0, 9)) == 0 else FIGURES)
            rows.append((Period(start, start + length), dimensions, Decimal(figure)))
        if fault != "repeated":
            rows = [row for row in rows if row[:2] not in seen]
        seen |= {row[:2] for row in rows}
        made.append(rows)
    return made


Key = tuple[Any, ...]


@dataclass
class Model:
    """What the books must say. `facts` by table and key; values are tuples whose last item is rolled up."""

    facts: dict[str, dict[Key, tuple[Any, ...]]] = field(default_factory=lambda: {"usage": {}, "charges": {}})
    settled: dict[str, tuple[Source, datetime]] = field(default_factory=dict)
    answered: dict[str, Period] = field(default_factory=dict)  # by cost report
    ledger: dict[str, tuple[Decimal, Decimal]] = field(default_factory=lambda: defaultdict(lambda: (Decimal(),) * 2))

    def replace(self, plan: Plan) -> Counts | None:
        """The documented rule. None: the reading must be refused."""
        staged = {"usage": self._staged(plan, "usage"), "charges": self._staged(plan, "charges")}
        if None in staged.values():
            return None
        before, tokens_before = self.best_days(), self.tokens()
        counts = Counts()
        for table, rows in staged.items():
            counts += self._replace_table(plan, table, rows or {})
        known = self.settled.get(plan.kind.report, (plan.kind.source, EPOCH))[1]
        self.settled[plan.kind.report] = (plan.kind.source, max(known, plan.settled_until))
        if plan.kind.source is Source.COST_API:
            old = self.answered.get(plan.kind.report, plan.window)
            self.answered[plan.kind.report] = Period(min(old.start, plan.window.start), max(old.end, plan.window.end))
        after = self.best_days()
        for day in before.keys() | after.keys():
            self._book("usd", after[day][2] if day in after else Decimal(), before[day][2] if day in before else 0)
        tokens = self.tokens()
        for day, meter in tokens.keys() | tokens_before.keys():
            self._book(meter, tokens[day, meter], tokens_before[day, meter])
        return counts

    def _is_answered(self, day: date) -> bool:
        return any(stretch.covers(Period.of_day(day)) for stretch in self.answered.values())

    def _staged(self, plan: Plan, table: str) -> dict[Key, tuple[Any, ...]] | None:
        found: dict[Key, tuple[Any, ...]] = {}
        page_of: dict[Key, int] = {}
        for page, rows in enumerate(plan.usage if table == "usage" else plan.charges):
            for row in rows:
                if not plan.window.start <= row.period.start < plan.window.end:
                    return None
                d = row.dimensions
                source = plan.kind.source if table == "usage" else plan.kind.money
                currency = "" if table == "usage" else row.currency
                key = (plan.kind.report, str(source), row.period.start, row.period.end, *_texts(d), currency)
                if page_of.setdefault(key, page) != page:
                    return None
                value = (row.quantity,) if table == "usage" else (row.amount, plan.usd(row))
                old = found.get(key, (Decimal(),) * len(value))
                found[key] = tuple(a + b for a, b in zip(old, value, strict=True))
        return found

    def _replace_table(self, plan: Plan, table: str, staged: dict[Key, tuple[Any, ...]]) -> Counts:
        stored = self.facts[table]
        inside = {k for k in stored if k[0] == plan.kind.report and plan.window.start <= k[2] < plan.window.end}
        gone = inside - staged.keys()
        if plan.kind.omits_days:
            spoken_of = {day_of(key[2]) for key in staged}
            gone = {key for key in gone if day_of(key[2]) in spoken_of}
        new = staged.keys() - inside
        updated = {key for key in staged.keys() & inside if staged[key] != stored[key]}
        for key in gone:
            del stored[key]
        stored.update(staged)
        return Counts(len(new), len(updated), len(gone), len(staged) - len(new) - len(updated))

    def _book(self, counter: str, now: Decimal, before: Decimal | int) -> None:
        up, down = self.ledger[counter]
        self.ledger[counter] = (up + max(now - before, Decimal()), down + max(before - now, Decimal()))

    def tokens(self) -> dict[tuple[date, str], Decimal]:
        """By day and meter. What activity reports say of tokens overlaps others: not booked."""
        found: dict[tuple[date, str], Decimal] = defaultdict(Decimal)
        for (day, source, _, meter, unit, *_), quantity in self.daily("usage").items():
            if unit == "tokens" and source != Source.ANALYTICS:
                found[day, meter] += quantity
        return found

    def daily(self, table: str) -> dict[Key, Decimal]:
        """By day and what is grouped: a period of several days in equal shares, the last day taking the rounding."""
        spans: dict[Key, Decimal] = defaultdict(Decimal)
        for key, value in self.facts[table].items():
            report, source, start, end, meter, unit, model, scope, _, tier, *_ = key
            last = day_of(end - timedelta(microseconds=1))
            spans[source, report, meter, unit, model, scope, tier, day_of(start), last] += value[-1]
        days: dict[Key, Decimal] = defaultdict(Decimal)
        for (*group, first, last), total in spans.items():
            n = (last - first).days + 1
            share = (total / n).quantize(Decimal("1E-12"), rounding="ROUND_HALF_UP") if n > 1 else total
            for at in range(n):
                days[first + at * DAY, *group] += share if at < n - 1 else total - (n - 1) * share
        return dict(days)

    def best_days(self) -> dict[date, tuple[str, bool, Decimal]]:
        """The larger of stated and estimated until settled, then stated; what people stated is settled at once.

        An invoice counts only on days that no cost report has been read for.
        """
        totals: dict[date, dict[Source, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for (day, source, *_), usd in self.daily("charges").items():
            totals[day][Source(source)] += usd
        borders = [until for source, until in self.settled.values() if source is Source.COST_API]
        best = {}
        for day, by_source in totals.items():
            if self._is_answered(day):
                by_source.pop(Source.INVOICE, None)
            stated = next((source for source in STATED if source in by_source), None)
            estimated = max((s for s in ESTIMATED if s in by_source), key=by_source.__getitem__, default=None)
            settled = bool(borders) and datetime(day.year, day.month, day.day, tzinfo=UTC) + DAY <= min(borders)
            if estimated is None or (stated and (stated is not Source.COST_API or settled)):
                chosen = stated
            elif stated is None or by_source[estimated] > by_source[stated]:
                chosen = estimated
            else:
                chosen = stated
            if estimated and sum(by_source[s] == by_source[estimated] for s in ESTIMATED if s in by_source) > 1:
                chosen = Source.PRICED_USAGE if chosen is estimated else chosen
            if chosen is not None:
                best[day] = (str(chosen), stated is not None, by_source[chosen])
        return best


def _texts(d: Dimensions) -> tuple[Any, ...]:
    """A NUL can't be stored in Postgres; everything else is."""
    texts = (d.meter, d.unit, d.model, d.scope, d.api_key, d.service_tier)
    return (*(t.replace("\0", "�") for t in texts), tuple((k, v.replace("\0", "�")) for k, v in d.tags))


COLUMNS = "report, source, period_start, period_end, meter, unit, model, scope, api_key, service_tier, tags"


def facts_of(db: Connection, table: str) -> dict[Key, tuple[Any, ...]]:
    """What is stored, in the model's shape, and where on disk each row is."""
    values = "'' AS currency, quantity" if table == "usage" else "currency, amount, amount_usd"
    found = {}
    for row in db.execute(text(f"SELECT {COLUMNS}, {values}, tableoid::text || ctid::text || xmin FROM {table}")):
        key = (*row[:10], tuple(sorted(row[10].items())), row[11])
        assert key not in found, "one identity is stored once"
        found[key] = tuple(row[12:])
    return found


def daily_of(db: Connection, table: str, figure: str) -> dict[Key, Decimal]:
    rows = db.execute(
        text(f"SELECT day, source, report, meter, unit, model, scope, service_tier, {figure} FROM daily_{table}")
    )
    return {tuple(row[:8]): row[8] for row in rows}


def dump(db: Connection) -> list[Any]:
    tables = ("usage", "charges", "daily_usage", "daily_charges", "best_days", "ledger", "report_state")
    return [sorted(map(repr, db.execute(text(f"SELECT xmin, ctid, t.* FROM {table} t")))) for table in tables]


@pytest.fixture
def db(books: Any) -> Iterator[Connection]:
    """One open connection; every example is rolled back."""
    with books.engine.connect() as db:
        with db.begin():
            accounts.add(db, StoredAccount(id="acme", provider="openai"))
            partitions.ensure(db, Period(START - 2 * DAY, START + (DAYS + 4) * DAY))
        yield db


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(sequence=st.lists(plans(), min_size=1, max_size=7))
def test_after_any_sequence_of_readings_the_books_say_what_the_model_says(
    books: Any, db: Connection, sequence: list[Plan]
):
    with localcontext(EXACT), db.begin() as example:
        lease = leases.claim(db, "acme", "test", lasts=HOUR)
        assert lease is not None
        model = Model()
        ledger: dict[str, tuple[Decimal, Decimal]] = {}
        for plan in sequence:
            before = {table: facts_of(db, table) for table in ("usage", "charges")}
            everything = dump(db)
            counts = model.replace(plan)
            reading = books.reading(
                plan.kind.report,
                plan.kind.source,
                plan.window,
                usage=plan.usage,
                charges=plan.charges,
                money=plan.kind.money,
                usd=plan.usd,
                longest=plan.kind.longest,
                omits_days=plan.kind.omits_days,
                settled_until=plan.settled_until,
            )
            if counts is None:
                event("refused")
                with pytest.raises(UnexpectedReply), db.begin_nested():
                    replace_window(db, lease, reading)
                assert dump(db) == everything
            else:
                with db.begin_nested():
                    assert replace_window(db, lease, reading) == counts
            reading.stage.close()
            for table, figure in (("usage", "quantity"), ("charges", "amount_usd")):
                stored = facts_of(db, table)
                assert {key: value[:-1] for key, value in stored.items()} == model.facts[table]
                for key in stored.keys() & before[table].keys():
                    same = stored[key][:-1] == before[table][key][:-1]
                    assert (stored[key] == before[table][key]) is same, "unchanged rows are not touched"
                assert daily_of(db, table, figure) == model.daily(table)
            best = db.execute(text("SELECT day, source, stated, amount_usd FROM best_days"))
            assert {row.day: tuple(row[1:]) for row in best} == model.best_days()
            ledger = check_ledger(db, model, ledger)
        example.rollback()


def check_ledger(
    db: Connection, model: Model, before: dict[str, tuple[Decimal, Decimal]]
) -> dict[str, tuple[Decimal, Decimal]]:
    """Only ever up, equal to the model, and its balance is what the books hold."""
    rows = db.execute(text("SELECT counter, recognized, reversed FROM ledger"))
    ledger = {counter: (up, down) for counter, up, down in rows}
    assert ledger == {counter: both for counter, both in model.ledger.items() if any(both)}
    for counter, (up, down) in before.items():
        assert ledger[counter][0] >= up
        assert ledger[counter][1] >= down
    balances: dict[str, Decimal] = defaultdict(Decimal)
    for _, _, usd in model.best_days().values():
        balances["usd"] += usd
    for (_, source, _, meter, unit, *_), quantity in model.daily("usage").items():
        if unit == "tokens" and source != "analytics":
            balances[meter] += quantity
    for counter, (up, down) in ledger.items():
        assert up - down == balances[counter]
    return ledger
