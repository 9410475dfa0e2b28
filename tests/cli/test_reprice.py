"""prices reprice: what the list contradicts, and stored usage priced again."""

from __future__ import annotations

from decimal import Decimal

PRICES = (
    "SELECT provider, model, meter, service_tier, context, valid_from, usd_per_unit FROM prices"
    " ORDER BY 1, 2, 3, 4, 5, 6"
)
OTHER = "SELECT * FROM charges WHERE source <> 'priced_usage' ORDER BY 1, 2, 3, 4, 5"
USAGE = "SELECT * FROM usage ORDER BY 1, 2, 3, 4, 5"
STATES = "SELECT * FROM report_state ORDER BY 1, 2"
PER_TOKEN = (
    "SELECT DISTINCT c.amount_usd / u.quantity FROM charges c JOIN usage u USING (account_id, report, period_start,"
    " period_end, meter, model, scope, api_key, service_tier, tags)"
    " WHERE c.source = 'priced_usage' AND u.quantity > 0 AND c.meter = 'output' AND c.model = :model"
)
CONSISTENT = (
    "SELECT (SELECT sum(amount_usd) FROM charges) - (SELECT sum(amount_usd) FROM daily_charges),"
    " (SELECT sum(recognized - reversed) FROM ledger WHERE counter = 'usd') - (SELECT sum(amount_usd) FROM best_days)"
)


def test_what_is_recorded_and_listed_alike_is_left_alone(cli, openai, rows):
    assert cli("sync").exit_code == 0
    before = rows("SELECT * FROM charges ORDER BY 1, 2, 3, 4, 5"), rows(USAGE), rows(PRICES), rows(STATES)
    assert "agree with the current list" in cli("prices", "reprice").stdout
    done = cli("prices", "reprice", "--apply")
    assert done.exit_code == 0, done.output
    assert "no estimate changed" in done.stdout
    assert before == (rows("SELECT * FROM charges ORDER BY 1, 2, 3, 4, 5"), rows(USAGE), rows(PRICES), rows(STATES))


def test_a_recorded_price_that_the_list_contradicts_is_shown_and_replaced(cli, openai, rows):
    assert cli("sync").exit_code == 0
    good = rows(PRICES)
    rows("UPDATE prices SET usd_per_unit = usd_per_unit * 2")
    shown = cli("prices", "reprice")
    assert "recorded $/M" in shown.stdout
    assert "Nothing was changed" in shown.stdout
    assert rows(PRICES) != good
    assert cli("prices", "reprice", "--apply").exit_code == 0
    assert rows(PRICES) == good


def test_stored_usage_is_priced_again_and_everything_follows(cli, openai, rows, environment):
    assert cli("sync").exit_code == 0
    ((model,),) = rows("SELECT model FROM charges WHERE source = 'priced_usage' AND meter = 'output' GROUP BY 1"
                       " ORDER BY sum(amount_usd) DESC LIMIT 1")  # fmt: skip
    before = rows(OTHER), rows(USAGE), rows(STATES)
    (environment / "spend.yaml").write_text(
        f"prices: [{{provider: openai, model: {model}, meter: output, usd_per_unit: 0.25}}]\n"
    )
    assert cli("accounts", "disable", openai).exit_code == 0  # its history is priced all the same
    done = cli("prices", "reprice", "--apply")
    assert done.exit_code == 0, done.output
    assert "change $" in done.stdout
    assert "acme" in done.stdout
    assert "Reload a running exporter" in done.stdout
    assert rows(PER_TOKEN.replace(":model", f"'{model}'")) == [(Decimal("0.25"),)]
    assert before == (rows(OTHER), rows(USAGE), rows(STATES))
    assert rows(CONSISTENT) == [(0, 0)]
    assert "no estimate changed" in cli("prices", "reprice", "--apply").stdout


def test_an_account_that_is_being_synced_is_not_touched(cli, openai, rows):
    assert cli("sync").exit_code == 0
    rows("UPDATE sync_state SET lease_holder = 'x', lease_expires_at = now() + interval '1 minute'")
    done = cli("prices", "reprice", "--apply")
    assert done.exit_code == 1
    assert "being synced by another process" in done.stderr
