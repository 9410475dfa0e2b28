"""Anomaly metrics: what is open, one event for each place, and what people said."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from exporter.publish import anomalies
from exporter.store import anomalies as store
from exporter.store import verdicts
from exporter.store.anomalies import Incident, Judged

MARCH = date(2026, 3, 1)  # the first day of `books`
ONE = Incident(
    account="acme", level="scope", scope="web", model="", day=MARCH + timedelta(50), until=MARCH + timedelta(50),
    kind="spike", became="spike", severity="high", score=12.5, cost=60.0, expected=10.0, lower=5.0, upper=14.0,
    total_excess=50.0, explanation="+$50.00 (×6.0): +$50.00 volume; most from web / large +$50.00.",
)  # fmt: skip
WEB = ("openai", "acme", "web", "")
TOTAL = replace(ONE, account="", level="total", scope="")


def kept(books, *incidents: Incident, until: int = 51) -> list[int]:
    """Their numbers, in the order given."""
    if not books.rows("SELECT 1 FROM accounts"):
        books.account("acme")
    judged = dict.fromkeys(("", "acme"), Judged(MARCH, MARCH + timedelta(until)))
    books.run(store.note_judged, judged)
    books.run(store.add, incidents, books.moment(until))
    ids = {one.incident.key: one.id for one in books.run(store.since, MARCH, books.moment(until))}
    return [ids[one.key] for one in incidents]


def published(books, day: float = 51) -> dict[str, dict]:
    found = books.run(anomalies.families, books.moment(day))
    return {family.definition.name.removeprefix("spend_anomaly_"): dict(family.samples) for family in found}


def test_an_open_anomaly_as_metrics(books):
    [id_] = kept(books, ONE)
    assert published(books) == {
        "active": {(*WEB, "spike", "high"): 1},
        "score": {WEB: 12.5},
        "excess_usd": {WEB: 50},
        "expected_usd": {WEB: 10},
        "info": {(*WEB, str(id_), "2026-04-20", ONE.explanation): 1},
        "feedback": {("confirmed",): 0, ("dismissed",): 0, ("expected",): 0, ("open",): 1},
    }


def test_the_total_has_empty_labels(books):
    kept(books, TOTAL)
    assert published(books)["score"] == {("", "", "", ""): 12.5}


def test_every_definition_has_as_many_labels_as_its_samples(books):
    [id_] = kept(books, ONE)
    books.run(verdicts.judge, id_, "confirmed", by="ann", note="", now=books.moment(51))
    for family in books.run(anomalies.families, books.moment(51)):
        assert {len(labels) for labels, _ in family.samples} == {len(family.definition.labels)}


def test_of_several_in_one_place_the_most_severe_counts_and_then_the_newest(books):
    later = replace(ONE, day=ONE.day + timedelta(1), until=ONE.until + timedelta(1), score=5.0)
    kept(books, later, replace(ONE, kind="drift", severity="critical", score=7.0), ONE, until=52)
    assert published(books, 52)["active"] == {(*WEB, "drift", "critical"): 1}
    kept(books, replace(later, kind="drift", severity="critical", score=9.0), until=52)
    assert published(books, 52)["score"] == {WEB: 9}


def test_figures_of_requests_are_no_dollars(books):
    kept(books, replace(ONE, kind="requests"))
    assert set(published(books)) == {"active", "score", "info", "feedback"}


def test_a_long_reason_is_cut(books):
    kept(books, replace(ONE, explanation="x" * 400))
    [labels] = published(books)["info"]
    assert (len(labels[-1]), labels[-1][-2:]) == (300, "x…")


def test_before_the_first_analysis_there_is_nothing(books):
    assert published(books) == {}


def test_feedback_becomes_a_precision(books):
    days = [replace(ONE, day=ONE.day - timedelta(day), until=ONE.day - timedelta(day)) for day in range(5)]
    ids = kept(books, *days)
    said = ("confirmed", "confirmed", "dismissed", "expected")
    for id_, verdict in zip(ids, said, strict=False):
        books.run(verdicts.judge, id_, verdict, by="ann", note="", now=books.moment(51))
    found = published(books)
    assert found["precision_ratio"] == {(): 0.5}
    assert found["feedback"] == {("confirmed",): 2, ("dismissed",): 1, ("expected",): 1, ("open",): 1}


def test_what_the_books_withdrew_counts_only_if_somebody_judged_it(books):
    judged, silent = kept(books, ONE, replace(ONE, scope="lab"))
    books.run(verdicts.judge, judged, "dismissed", by="ann", note="", now=books.moment(51))
    books.run(store.withdraw, [judged, silent], books.moment(52))
    assert published(books)["feedback"] == {("confirmed",): 0, ("dismissed",): 1, ("expected",): 0, ("open",): 0}
    assert published(books)["precision_ratio"] == {(): 0}


def test_parts_of_others_don_t_count(books):
    part, whole = kept(books, ONE, replace(ONE, scope="", level="account"))
    books.run(store.link, {part: whole})
    assert published(books)["feedback"]["open",] == 1
    assert list(published(books)["score"]) == [("openai", "acme", "", "")]


def test_after_a_year_feedback_is_forgotten(books):
    [id_] = kept(books, ONE)
    books.run(verdicts.judge, id_, "confirmed", by="ann", note="", now=books.moment(51))
    assert "precision_ratio" in published(books, 50 + 365)
    assert "precision_ratio" not in published(books, 50 + 366)


@pytest.mark.parametrize(("judged", "is_open"), [(51, True), (53, True), (54, False)])
def test_open_until_two_judged_days_are_past(books, judged, is_open):
    kept(books, ONE, until=judged)
    assert ("active" in published(books, judged)) is is_open


@pytest.mark.parametrize(("judged", "is_open"), [(55, True), (56, False)])
def test_a_new_level_is_soon_nothing_new(books, judged, is_open):
    kept(books, replace(ONE, became="level_shift", until=ONE.day + timedelta(20)), until=judged)
    assert ("active" in published(books, judged)) is is_open


def test_nothing_is_open_for_more_than_sixty_days(books):
    kept(books, ONE)
    assert "active" in published(books, 110)
    assert "active" not in published(books, 111)


def test_an_account_that_changes_its_team_keeps_its_anomalies(books):
    kept(books, ONE)
    books.rows("UPDATE accounts SET team = 'core' RETURNING 1")
    [found] = books.run(store.open_ones, books.moment(51))
    assert (found.subject.team, found.subject.provider) == ("core", "openai")
