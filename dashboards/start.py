"""Start here: what works already, and what to do next?"""

from __future__ import annotations

from collections.abc import Iterable

from dashboards.board import Board, Panel, row
from dashboards.panels import rows
from dashboards.panels import words as text
from dashboards.queries import table_of
from dashboards.style import AGE, GREEN, GREY, MANUAL, ORANGE, RED, badge, link, look, unit, wide

STEPS = {"done": GREEN, "waiting": GREY, "to do": ORANGE, "failing": RED, "optional": GREY}


def board(others: Iterable[Board]) -> Board:
    """For the first minutes, and for when a panel stays empty."""
    return Board(
        uid="spend-start",
        title="Start here",
        question="What works already, and what to do next?",
        shown=(),
        rows=(row(10, (15, _steps()), (9, _where(others))), row(10, (15, _accounts()), (9, _reading()))),
    )


def _steps() -> Panel:
    return rows(
        "What to do next",
        "Each step looks at what is stored now. Commands are those of `spend-exporter`; each has a `--help`.",
        table_of("""
            WITH seen AS (
              SELECT (SELECT count(*) FROM accounts WHERE removed_at IS NULL) AS accounts,
                     (SELECT count(*) FROM sync_state WHERE consecutive_failures > 0) AS failing,
                     (SELECT min(day) FROM best_days) AS first_day, (SELECT count(*) FROM budgets) AS budgets,
                     (SELECT bool_and(history_done) FROM report_state WHERE missing = '') AS history,
                     (SELECT finished_at FROM analysis_state) AS analysed,
                     (SELECT count(*) FROM anomalies
                      WHERE withdrawn_at IS NULL AND verdict = '' AND part_of IS NULL) AS open,
                     (SELECT count(*) FROM savings) AS savings
            )
            SELECT s.step AS "Step", s.state AS "State", s.what AS "What to do" FROM seen, LATERAL (VALUES
              (1, 'Connect an account',
                CASE WHEN accounts = 0 THEN 'to do' WHEN failing > 0 THEN 'failing' ELSE 'done' END,
                CASE WHEN accounts = 0 THEN 'Add one to spend.yaml, or: accounts add'
                     WHEN failing > 0 THEN failing || ' failing: see Accounts below, or: doctor'
                     ELSE accounts || ' connected' END),
              (2, 'First figures', CASE WHEN first_day IS NULL THEN 'to do' ELSE 'done' END,
                coalesce('Figures since ' || first_day, 'They come with the first sync, within minutes. Or: sync')),
              (3, 'History', CASE WHEN history THEN 'done' ELSE 'waiting' END,
                CASE WHEN history THEN 'All that was wanted is stored'
                     ELSE 'It is being read, oldest last; nothing to do but wait' END),
              (4, 'Forecasts and anomalies', CASE WHEN analysed IS NULL THEN 'waiting' ELSE 'done' END,
                coalesce('Last worked out ' || to_char(analysed AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC',
                         'They need two weeks of figures, and come by themselves. Or: analyse')),
              (5, 'Set a budget', CASE WHEN budgets = 0 THEN 'to do' ELSE 'done' END,
                CASE WHEN budgets = 0 THEN 'Add one to spend.yaml, or: budgets add' ELSE budgets || ' set' END),
              (6, 'Judge anomalies', CASE WHEN open = 0 THEN 'done' ELSE 'optional' END,
                CASE WHEN open = 0 THEN 'None is open' ELSE open || ' wait for a word of yours: anomalies list' END),
              (7, 'Look at savings', 'optional',
                CASE WHEN savings = 0 THEN 'None found so far' ELSE savings || ' ways to pay less: savings' END)
            ) s (place, step, state, what) ORDER BY s.place
        """),
        fields={"Step": wide(220), "State": badge(STEPS) + wide(110)},
    )


def _where(others: Iterable[Board]) -> Panel:
    listed = "\n".join(f"* [{one.title}](/d/{one.uid}): {one.question}" for one in others)
    return text(
        "Where to look",
        f"""
        {listed}

        **Spend dashboards**, at the top right, keeps the time range and what is picked.

        **Sources.** <span style="color:#2196F3">**API**</span>: stated by the provider.
        <span style="color:#64B5F6">**Estimate**</span>, an outline: usage at list prices, until the bill comes.
        <span style="color:{MANUAL}">**Manual**</span> and **Import**: entered by people, invoices too.
        """,
        "The dashboards, by the question they answer, and how sources are told apart.",
    )


def _accounts() -> Panel:
    return rows(
        "Accounts",
        "How the last sync of each account went, and how far its figures reach. A sentence says what to do.",
        table_of("""
            SELECT a.id AS "Account", a.provider AS "Provider", a.team AS "Team",
                   CASE WHEN a.disabled THEN 'optional' WHEN s.consecutive_failures > 0 THEN 'failing'
                        WHEN s.last_success_at IS NULL AND b.since IS NULL THEN 'to do' ELSE 'done' END AS "Sync",
                   b.since::text AS "Since", extract(epoch FROM now() - s.last_success_at) AS "Last sync",
                   coalesce(nullif(s.failure_sentence, ''), nullif(r.missing, ''), '') AS "What to know"
            FROM accounts a LEFT JOIN sync_state s ON s.account_id = a.id
            LEFT JOIN LATERAL (SELECT min(day) AS since FROM best_days WHERE account_id = a.id) b ON true
            LEFT JOIN LATERAL (
              SELECT string_agg(DISTINCT missing, ' ') AS missing FROM report_state WHERE account_id = a.id
            ) r ON true
            WHERE a.removed_at IS NULL ORDER BY 4 DESC, 1
        """),
        fields={
            "Account": link("Overview of it", "/d/spend-overview?var-account=${__value.raw}") + wide(200),
            "Sync": badge(STEPS) + wide(90),
            "Since": wide(105),
            "Last sync": unit(AGE, 0, 130),
            "What to know": look(custom__inspect=True),
        },
    )


def _reading() -> Panel:
    return text(
        "When a panel is empty",
        """
        | what you see | why |
        |---|---|
        | every panel is empty | The data source does not answer: its *Test* button tells why. |
        | only stat panels are empty | Prometheus does not scrape the exporter: look at `up`. |
        | charts end two days ago | Providers answer late; *Freshness* on the Overview tells how late. |
        | no forecast | It needs 14 days for a range that means something. |
        | no budget | There is none yet, or none fits what is picked. |
        | nothing fits | Set all variables to *All*, and widen the time range. |

        Days are UTC days. Money is US dollars, by the rate of each day.
        """,
        "What to try, in the order of how often it helps.",
    )
