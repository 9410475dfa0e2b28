"""Which records an export has, and what it says of itself."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest

from exporter.exports import ExportError, request
from exporter.store.engine import transaction

TODAY = date(2026, 3, 21)


@pytest.fixture
def two(books):
    """Two accounts: one with a bill, an estimate and settled days, one that is only estimated."""
    acme = books.account("acme", team="search")
    books.costs(acme, books.window(0, 3), books.charge(0, 10, model="gpt-5", scope="p1"),
                books.charge(2, 5, model="gpt-4", scope="p2"), settled_until=books.moment(1))  # fmt: skip
    books.estimates(acme, books.window(0, 3), books.charge(0, 8, model="gpt-5"), usage=[[books.usage(0, 100)]])
    lab = books.account("lab", provider="anthropic")
    books.estimates(lab, books.window(0, 3), books.charge(1, 2, model="claude"), usage=[[books.usage(1, 50)]])
    books.rows("INSERT INTO names VALUES ('acme', 'scope', 'p1', 'Search') RETURNING 1")
    return books


def shown(rows, *names):
    """Some columns of the records."""
    return [tuple(row[name] for name in names) for row in rows]


def test_costs_are_what_counts(two, read_csv):
    rows = read_csv()
    assert shown(rows, "account", "date", "source", "amount_usd", "confidence", "scope_name") == [
        ("acme", "2026-03-01", "cost_api", "10", "official", "Search"),
        ("acme", "2026-03-03", "cost_api", "5", "provisional", ""),
        ("lab", "2026-03-02", "priced_usage", "2", "estimated", ""),
    ]
    assert "counts" not in rows[0]


def test_all_sources_say_which_count_and_the_total_is_of_those(two, read_csv, made):
    rows = read_csv(all_sources=True)
    assert shown(rows, "account", "source", "amount_usd", "confidence", "counts") == [
        ("acme", "cost_api", "10", "official", "true"),
        ("acme", "priced_usage", "8", "estimated", "false"),
        ("acme", "cost_api", "5", "provisional", "true"),
        ("lab", "priced_usage", "2", "estimated", "true"),
    ]
    assert made(all_sources=True).metadata["totals"] == made().metadata["totals"] == {"USD": "17"}
    assert json.loads(_json(made, all_sources=True))["records"][1]["counts"] is False


def _json(made, *args, **words):
    with made(*args, format="json", **words) as download:
        return b"".join(download.chunks())


@pytest.mark.parametrize(
    ("filters", "amounts"),
    [
        ({"provider": ["anthropic"]}, ["2"]),
        ({"account": ["acme"]}, ["10", "5"]),
        ({"account": ["acme", "lab"]}, ["10", "5", "2"]),
        ({"team": ["search"]}, ["10", "5"]),
        ({"team": [""]}, ["2"]),
        ({"model": ["gpt-5", "claude"]}, ["10", "2"]),
        ({"scope": ["p2"]}, ["5"]),
        ({"source": ["priced_usage"]}, ["2"]),
        ({"confidence": ["official"]}, ["10"]),
        ({"account": ["acme"], "confidence": ["estimated"]}, []),
        ({"model": ["'; DROP TABLE accounts; --", "%(since)s"]}, []),
    ],
)
def test_filters(two, read_csv, made, filters, amounts):
    assert [row["amount_usd"] for row in read_csv(filters=filters)] == amounts
    told = made(filters=filters).metadata
    assert told["filters"] == filters
    assert told["records"] == told["total_records"] == len(amounts)
    assert sum(map(Decimal, told["totals"].values())) == sum(map(Decimal, amounts))


def test_the_last_day_is_left_out(two, read_csv):
    assert len(read_csv(since="2026-03-01", until="2026-03-03")) == 2
    assert len(read_csv(since="2026-03-03", until="2026-03-04")) == 1


def test_usage_counts_by_unit_and_leaves_out_what_overlaps(two, made, read_csv):
    lease = two.account("code", provider="anthropic")
    from exporter.domain import Source

    two.read(
        lease, "code", Source.ANALYTICS, two.window(0, 3), usage=[[two.usage(0, 9, meter="commits", unit="commits")]]
    )
    assert made("usage").metadata["totals"] == {"tokens": "150"}
    told = made("usage", all_sources=True).metadata
    assert told["records"] == 3
    assert told["totals"] == {"commits": "0", "tokens": "150"}
    assert shown(read_csv("usage"), "date", "quantity", "confidence") == [
        ("2026-03-01", "100", "provisional"), ("2026-03-02", "50", "provisional"),
    ]  # fmt: skip


def test_columns_in_the_order_asked_for(two, bytes_of):
    assert bytes_of(columns=["amount_usd", "model"]).decode("utf-8-sig").split("\r\n")[:2] == [
        "amount_usd,model", "10,gpt-5",
    ]  # fmt: skip
    assert json.loads(bytes_of(format="json", columns=["model"]))["records"][0] == {"model": "gpt-5"}


def test_redacted(books, bytes_of, made):
    lease = books.account("acme")
    usage = [
        books.usage(0, n, scope=scope, api_key="sk-1", tags=(("user_id", "ann"),))
        for n, scope in enumerate(("p1", "p1-x", ""))
    ]
    books.tokens(lease, books.window(0, 1), *usage)
    books.rows("INSERT INTO names VALUES ('acme', 'scope', 'p1', 'Secret project') RETURNING 1")
    raw = bytes_of("usage", grain="hour", format="ndjson", redact=True, limit=2)
    assert not [word for word in (b"p1", b"sk-1", b"ann", b"Secret") if word in raw]
    *rows, last = [
        json.loads(line) for line in bytes_of("usage", grain="hour", format="ndjson", redact=True).splitlines()
    ]
    assert last["metadata"]["redacted"] is True
    assert len({row["scope"] for row in rows}) == 3
    assert "" in {row["scope"] for row in rows}
    assert {row["api_key"] for row in rows} == {"redacted-" + rows[0]["api_key"][-12:]}
    assert rows[0]["tags"]["user_id"].startswith("redacted-")
    assert {row["scope"] for row in rows} == {json.loads(line)["scope"] for line in
        bytes_of("usage", format="ndjson", redact=True).splitlines()[:-1]}  # fmt: skip
    assert made("usage", redact=True, limit=1).metadata["next_cursor"] is None


@pytest.mark.parametrize(("kind", "words"), [("costs", {}), ("usage", {}), ("usage", {"grain": "hour"})])
def test_page_by_page_is_the_same_as_in_one(hostile, made, kind, words):
    whole = json.loads(_json(made, kind, limit=1_000, **words))["records"]
    found, cursor, pages = [], "", 0
    while cursor is not None:
        page = json.loads(_json(made, kind, limit=4, after=cursor, **words))
        found += page["records"]
        cursor = page["metadata"]["next_cursor"]
        pages += 1
        assert page["metadata"]["total_records"] == len(whole)
    assert found == whole
    at_once = json.loads(_json(made, kind, **words))["records"]
    assert sorted(map(str, at_once)) == sorted(map(str, whole))
    assert pages == -(-len(whole) // 4)


def test_rows_that_vanish_meanwhile_leave_no_gap(two, made):
    cursor = made(limit=1).metadata["next_cursor"]
    two.rows("DELETE FROM daily_charges WHERE model = 'gpt-5' RETURNING 1")
    with made(limit=1, after=cursor, format="json") as download:
        assert json.loads(b"".join(download.chunks()))["records"][0]["model"] == "gpt-4"


def test_it_says_what_it_is(two, made):
    told = made("usage", grain="hour", since="", until="").metadata
    assert told["generated_at"] == "2026-03-21T09:00:00Z"
    assert told["period"] == {"from": "2026-02-19", "to": "2026-03-21", "default": True}
    assert (told["kind"], told["grain"], told["complete"]) == ("usage", "hour", True)
    assert told["columns"][:3] == ["period_start", "period_end", "provider"]
    with made() as download:
        assert download.filename == "spend-costs-2026-03-01-2026-03-20.csv"
        assert download.content_type == "text/csv; charset=utf-8"


def test_a_reader_that_takes_its_time_holds_no_connection(two, made, engine):
    with made() as download:
        chunks = download.chunks()
        next(chunks)
        with transaction(engine) as db:
            [(others,)] = db.exec_driver_sql(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                " AND state <> 'idle' AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        assert others == 0
        two.rows("TRUNCATE daily_charges; SELECT 1")  # and waits for no lock
        assert b"gpt-5" in b"".join(chunks)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"kind": "money"}, "there is no kind money: use costs, usage"),
        ({"format": "docx"}, "there is no format docx: use csv, json, ndjson, parquet, xlsx"),
        ({"since": "20260301"}, "from 20260301 is not a day such as 2026-10-01"),
        ({"until": "2026-02-30"}, "to 2026-02-30 is not a day such as 2026-10-01"),
        ({"since": "0001-01-01"}, "from 0001-01-01 is not a day"),
        (
            {"since": "2026-03-21"},
            "there is no day from 2026-03-21 to 2026-03-21: `to` is the first day that is left out",
        ),
        ({"grain": "hour"}, "costs are stored by day: leave out grain hour, or export usage"),
        ({"grain": "week"}, "there is no grain week: use day, hour"),
        ({"filters": {"colour": ["red"]}}, "there is no filter colour: use provider, account"),
        ({"filters": {"source": ["excel"]}}, "there is no source excel: use cost_api, invoice"),
        ({"filters": {"confidence": ["sure"]}}, "there is no confidence sure: use official"),
        ({"columns": ["price"]}, "there is no column price: use date, provider"),
        ({"columns": ["counts"]}, "there is no column counts: use date"),
        ({"columns": ["date", "date"]}, "column date is named twice"),
        ({"limit": -1}, "limit -1 must be a number of records"),
        ({"after": "nonsense"}, "the cursor is not one of this export"),
        ({"after": "WyJjb3N0cy9kYXkiXQ"}, "the cursor is not one of this export"),
        ({"after": "bnVsbA"}, "the cursor is not one of this export"),
        ({"after": "x", "redact": True}, "a redacted export can't be continued"),
    ],
)
def test_mistakes_are_sentences(words, sentence):
    with pytest.raises(ExportError, match=f"^{_quoted(sentence)}"):
        request(**({"kind": "costs", "today": TODAY} | words))


def _quoted(sentence):
    import re

    return re.escape(sentence)


def test_a_cursor_of_another_kind_is_refused(two, made):
    cursor = made(limit=1).metadata["next_cursor"]
    with pytest.raises(ExportError, match="not one of this export"):
        made("usage", after=cursor)


def test_a_sheet_has_an_end(two, made, monkeypatch):
    monkeypatch.setattr("exporter.exports.xlsx.MOST_RECORDS", 2)
    with pytest.raises(ExportError, match="a sheet holds 2 records and these are 3: narrow it down, or take csv"):
        made(format="xlsx")
    assert made(format="xlsx", limit=2).metadata["records"] == 2
