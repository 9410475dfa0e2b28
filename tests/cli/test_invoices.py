"""invoices: entered, listed, replaced and removed; mistakes are sentences and store nothing."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

MONTH = "2026-01"
CHARGED = "SELECT amount, currency, amount_usd FROM charges"


@pytest.fixture
def acme(cli, rows):
    """An account without figures."""
    assert cli("invoices", "list").exit_code == 0  # migrated
    rows("INSERT INTO accounts (id, provider, origin) VALUES ('acme', 'openai', 'database')")
    rows("INSERT INTO sync_state (account_id) VALUES ('acme')")
    return cli


def add(cli, amount: str, *more: str, month: str = MONTH, account: str = "acme"):
    return cli("invoices", "add", account, "--month", month, "--amount", amount, *more)


def test_from_cradle_to_grave(acme, rows):
    done = add(acme, "1234.56", "--number", "A-1", "--note", "paid")
    assert done.exit_code == 0, done.output
    assert done.stdout == (
        "Entered the invoice of acme for 2026-01: 1,234.56 USD.\n"
        "It counts as this month's spend, in equal shares on each day.\n"
    )
    assert done.stderr == ""
    again = add(acme, "5")
    assert again.exit_code == 1
    assert again.stderr == (
        "Error: acme has an invoice of 1,234.56 USD for 2026-01 already; add --replace to put this one in its place\n"
    )
    assert add(acme, "5", "--replace").exit_code == 0
    assert [(float(a), c, float(u)) for a, c, u in rows(CHARGED)] == [(5, "USD", 5)]
    table = acme("invoices", "list").stdout
    assert "5.00 USD" in table
    assert max(map(len, table.splitlines())) <= 80
    gone = acme("invoices", "remove", "acme", "--month", MONTH)
    assert gone.stdout == "Removed the invoice of acme for 2026-01: 5.00 USD.\n"
    assert rows(CHARGED) == rows("SELECT * FROM best_days") == []
    assert "There are no invoices" in acme("invoices", "list").stdout
    assert acme("invoices", "remove", "acme", "--month", MONTH).exit_code == 1


def test_as_json_and_by_account(acme):
    add(acme, "10.50", "--number", "A-1")
    done = acme("invoices", "list", "--account", "acme", "--json")
    assert json.loads(done.stdout) == {
        "invoices": [
            {"account": "acme", "month": MONTH, "amount": "10.50", "currency": "USD",
             "amount_usd": "10.500000000000", "number": "A-1", "note": ""}
        ]
    }  # fmt: skip
    assert "there is no account nobody" in acme("invoices", "list", "--account", "nobody").stderr


def test_a_credit_note_is_allowed_with_a_warning(acme, rows):
    done = add(acme, "-20")
    assert done.exit_code == 0
    assert done.stderr == "Warning: the amount is negative, so it counts as a credit note.\n"
    assert float(rows("SELECT sum(amount_usd) FROM best_charges")[0][0]) == -20


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"amount": "1,234.56"}, "--amount 1,234.56 must be a number such as 1234.56"),
        ({"amount": "nan"}, "--amount nan must be a number"),
        ({"amount": "1e99"}, "--amount 1e99 must be a number"),
        ({"amount": "1", "month": "2026-13"}, "--month 2026-13 must be a month such as 2026-10"),
        ({"amount": "1", "month": "October"}, "--month October must be a month such as 2026-10"),
        ({"amount": "1", "month": "2199-01"}, "2199-01 has not begun; enter its invoice when it has"),
        ({"amount": "1", "account": "nobody"}, "there is no account nobody; see `spend-exporter accounts list`"),
    ],
)
def test_mistakes(acme, rows, words, sentence):
    done = add(acme, **words)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: {sentence}")
    assert rows(CHARGED) == []


def test_the_month_that_is_running_may_be_invoiced(acme):
    done = add(acme, "10", month=f"{datetime.now(UTC):%Y-%m}")
    assert done.exit_code == 0, done.output


def test_another_currency_by_a_fixed_rate(acme, environment, rows):
    (environment / "spend.yaml").write_text("fx:\n  rates: {EUR: 1.5}\n")
    done = acme("--config", "spend.yaml", "invoices", "add", "acme", "--month", MONTH, "--amount", "10",
                "--currency", "eur")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "10.00 EUR ($15.00)" in done.stdout
    assert [(float(a), c, float(u)) for a, c, u in rows(CHARGED)] == [(10, "EUR", 15)]


def test_another_currency_by_the_stored_rate_of_the_last_day(acme, rows):
    rows("INSERT INTO fx_rates VALUES ('2026-01-29', 'EUR', 1.2, 'ecb'), ('2026-02-02', 'EUR', 9, 'ecb')")
    assert add(acme, "10", "--currency", "EUR").exit_code == 0
    assert [float(usd) for (usd,) in rows("SELECT amount_usd FROM charges")] == [12]


def configured(cli, environment, fx: str):
    """Enter ten euros under these exchange rates."""
    (environment / "spend.yaml").write_text(f"fx: {fx}\n")
    words = ("invoices", "add", "acme", "--month", MONTH, "--amount", "10", "--currency", "EUR")
    return cli("--config", "spend.yaml", *words)


def test_without_a_rate_nothing_is_stored(acme, environment, rows):
    done = configured(acme, environment, "{source: fixed, rates: {GBP: 1.3}}")
    assert done.exit_code == 1
    assert done.stderr == (
        "Error: there is no exchange rate for EUR on 2026-01-31: set `fx` in spend.yaml to ecb or to a fixed rate\n"
    )
    assert "must be a code of three letters" in add(acme, "10", "--currency", "euros").stderr
    assert rows(CHARGED) == []


def test_when_the_bank_is_out_of_reach_nothing_is_stored(acme, environment, rows):
    done = configured(acme, environment, "{source: ecb, base_url: 'http://127.0.0.1:1'}")
    assert done.exit_code == 1
    assert done.stderr == (
        "Error: The exchange rates are out of reach (ConnectError). Nothing was stored: try again later, or set a fixed"
        " rate for EUR under `fx` in spend.yaml\n"
    )
    assert rows(CHARGED) == []


class Bank(BaseHTTPRequestHandler):
    """One rate of the European Central Bank."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        rate = '<Cube currency="USD" rate="1.25"/>'
        self.wfile.write(f'<Envelope><Cube><Cube time="2026-01-30">{rate}</Cube></Cube></Envelope>'.encode())

    def log_message(self, *words):
        """Quiet."""


def test_a_missing_rate_is_fetched(acme, environment, rows):
    with HTTPServer(("127.0.0.1", 0), Bank) as bank:
        threading.Thread(target=bank.handle_request, daemon=True).start()
        done = configured(acme, environment, f"{{source: ecb, base_url: 'http://127.0.0.1:{bank.server_port}'}}")
    assert done.exit_code == 0, done.output
    assert [float(usd) for (usd,) in rows("SELECT amount_usd FROM charges")] == [12.5]


@pytest.mark.parametrize(
    ("read", "sentence"),
    [
        (
            ("2025-12-01", "2026-02-10"),
            "The cost report goes on counting as this month's spend; the invoice is for `spend-exporter reconcile`.",
        ),
        (
            ("2026-01-02", "2026-02-10"),
            "It counts on 1 day that no cost report was read for, $10.00 together; elsewhere the bill counts.",
        ),
        (
            ("2025-12-01", "2026-01-21"),
            "It counts on 11 days that no cost report was read for, $110.00 together; elsewhere the bill counts.",
        ),
        (("2026-02-01", "2026-02-10"), "It counts as this month's spend, in equal shares on each day."),
    ],
)
def test_beside_a_cost_report_it_says_where_it_counts(acme, rows, read, sentence):
    since, until = read
    into = "report_state (account_id, report, source, read_from, read_until, settled_until, wanted_from)"
    rows(f"INSERT INTO {into} VALUES ('acme', 'costs', 'cost_api', '{since}Z', '{until}Z', '{since}Z', '{since}Z')")
    done = add(acme, "310")
    assert done.stdout.splitlines()[1:] == [sentence]
    assert done.stderr == ""
