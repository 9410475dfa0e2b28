"""Every format holds every record exactly, whatever providers and people wrote."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from sqlalchemy import text

from exporter.exports import ExportError


def test_csv_is_what_excel_wants_and_loses_nothing(hostile, bytes_of, read_csv):
    raw = bytes_of(format="csv")
    assert raw.startswith(b"\xef\xbb\xbfdate,provider,account,")
    assert raw.endswith(b"\r\n")
    rows = read_csv()
    assert Counter((r["model"], r["scope"], r["meter"], Decimal(r["amount_usd"])) for r in rows) == Counter(
        hostile.rows("SELECT model, scope, meter, amount_usd FROM best_charges")
    )
    assert {r["amount_usd"] for r in rows} >= {"0.00004", "123456789012.345678", "-2", "1"}
    assert {(r["date"], r["account"], r["team"]) for r in rows if r["model"] == "credit"} == {
        ("2026-03-04", "acme", "=team")
    }


def test_no_cell_of_text_begins_like_a_formula_and_numbers_are_left_alone(hostile, bytes_of):
    rows = list(csv.reader(io.StringIO(bytes_of().decode("utf-8-sig"), newline="")))
    amount = rows[0].index("amount_usd")
    for row in rows[1:]:
        cells = row[:amount] + row[amount + 1 :]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]
    assert "-2" in {row[amount] for row in rows}


@pytest.mark.parametrize("kind", ["costs", "usage"])
def test_json_and_ndjson_hold_the_same(hostile, bytes_of, made, kind):
    words = {"grain": "hour"} if kind == "usage" else {}
    whole = json.loads(bytes_of(kind, format="json", **words))
    lines = [json.loads(line) for line in bytes_of(kind, format="ndjson", **words).splitlines()]
    assert lines[:-1] == whole["records"]
    assert lines[-1]["metadata"] == whole["metadata"]
    assert whole["metadata"]["records"] == len(whole["records"]) == whole["metadata"]["total_records"]


def test_json_is_exact(hostile, bytes_of):
    rows = json.loads(bytes_of(format="json"))["records"]
    assert Counter((r["model"], r["scope"], r["meter"], Decimal(r["amount_usd"])) for r in rows) == Counter(
        hostile.rows("SELECT model, scope, meter, amount_usd FROM best_charges")
    )
    usage = json.loads(bytes_of("usage", grain="hour", format="json"))["records"]
    assert Counter((r["api_key"], json.dumps(r["tags"], sort_keys=True), r["quantity"]) for r in usage) == Counter(
        (key, json.dumps(tags, sort_keys=True), f"{quantity}")
        for key, tags, quantity in hostile.rows("SELECT api_key, tags, quantity FROM usage")
    )
    assert {r["period_end"] for r in usage if r["meter"] == "requests"} == {"2026-03-03T01:00:00Z"}
    assert {r["quantity"] for r in usage} == {"7", "5", "3000000000"}


def test_parquet_has_types_and_loses_nothing(hostile, bytes_of):
    table = parquet.read_table(io.BytesIO(bytes_of(format="parquet")))
    rows = table.to_pylist()
    assert Counter((r["date"], r["model"], r["scope"], r["amount_usd"]) for r in rows) == Counter(
        hostile.rows("SELECT day, model, scope, amount_usd FROM best_charges")
    )
    assert {row["service_tier"] for row in rows} == {""}  # empty text, not null
    told = json.loads(table.schema.metadata[b"spend_exporter"])
    assert told["records"] == len(rows)
    usage = parquet.read_table(io.BytesIO(bytes_of("usage", grain="hour", format="parquet"))).to_pylist()
    assert datetime(2026, 3, 3, 1, tzinfo=UTC) in {row["period_end"] for row in usage}
    assert Counter(json.dumps(json.loads(row["tags"]), sort_keys=True) for row in usage) == Counter(
        json.dumps(tags, sort_keys=True) for (tags,) in hostile.rows("SELECT tags FROM usage")
    )


def test_xlsx_has_text_as_text_numbers_as_numbers_and_a_sheet_about_it(hostile, bytes_of):
    book = openpyxl.load_workbook(io.BytesIO(bytes_of(format="xlsx")))
    heading, *rows = book["Records"].iter_rows()
    place = {cell.value: number for number, cell in enumerate(heading)}
    hostile_cells = [cell for row in rows for cell in row if isinstance(cell.value, str) and cell.value[0] in "=+-@"]
    assert hostile_cells
    assert {cell.data_type for row in rows for cell in row if isinstance(cell.value, str)} == {"s"}
    amounts = {row[place["amount_usd"]].value for row in rows}
    assert amounts >= {0.00004, -2, 1}
    assert rows[0][place["date"]].value == datetime(2026, 3, 2)
    about = {row[0].value: row[1].value for row in book["About"].iter_rows()}
    assert about["records"] == str(len(rows))
    assert about["period from"] == "2026-03-01"


@pytest.mark.parametrize("form", ["csv", "json", "ndjson", "parquet", "xlsx"])
def test_nothing_is_a_valid_file_too(books, made, form):
    with made(format=form) as download:
        raw = b"".join(download.chunks())
    assert download.metadata["records"] == 0
    assert download.metadata["totals"] == {}
    if form == "json":
        assert json.loads(raw)["records"] == []
    if form == "ndjson":
        assert list(json.loads(raw)) == ["metadata"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1, max_size=8)
)
def test_any_text_comes_back(books, read_csv, bytes_of, texts):
    books.run(_renew, texts)
    assert sorted(row["model"] for row in read_csv()) == sorted(texts)
    assert sorted(row["model"] for row in json.loads(bytes_of(format="json"))["records"]) == sorted(texts)


def _renew(db, texts):
    db.execute(
        text("INSERT INTO accounts (id, provider, origin) VALUES ('a', 'openai', 'file') ON CONFLICT DO NOTHING")
    )
    db.execute(text("DELETE FROM daily_charges"))
    db.execute(text("DELETE FROM best_days"))
    db.execute(text("INSERT INTO best_days VALUES ('a', '2026-03-02', 'invoice', true, 1)"))
    for place, value in enumerate(texts):
        db.execute(
            text("INSERT INTO daily_charges VALUES ('a', '2026-03-02', 'invoice', 'r', :m, '', :t, '', '', 1)"),
            {"m": f"{place}", "t": value},
        )


class Full:
    """A file on a full disk."""

    closed = False

    def write(self, _):
        raise OSError(28, "No space left on device")

    def close(self):
        self.closed = True


def test_a_full_disk_is_a_sentence(hostile, made, monkeypatch):
    disk = Full()
    monkeypatch.setattr(sys.modules["exporter.exports.prepare"], "TemporaryFile", lambda: disk)
    with pytest.raises(ExportError, match=r"can't write the export to .*: No space left on device; TMPDIR"):
        made()
    assert disk.closed
