"""`forecast`: files, pipes, batches and what is said when they are wrong."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from datetime import date, timedelta

import pytest

DAYS = [(date(2025, 1, 1) + timedelta(days=day)).isoformat() for day in range(60)]
COSTS = [10.0 + day % 7 for day in range(60)]
KEYS = {"daily", "lower", "upper", "total", "total_lower", "total_upper", "method", "volatility"}
CSV = "date,cost\n" + "".join(f"{day},{cost}\n" for day, cost in zip(DAYS, COSTS, strict=True))
REQUEST = {"id": "a", "dates": DAYS, "costs": COSTS, "horizon": 7}


def sound(facts: dict, horizon: int) -> None:
    assert facts.keys() >= KEYS
    assert [len(facts[part]) for part in ("daily", "lower", "upper")] == [horizon] * 3
    assert facts["total_lower"] <= facts["total"] <= facts["total_upper"]
    assert facts["total"] == pytest.approx(sum(facts["daily"]))
    assert all(math.isfinite(amount) for amount in facts["daily"] + facts["lower"] + facts["upper"])


def batch(run, *lines: object) -> list[dict]:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    done = run("forecast", "--batch", input=text)
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_pipe_as_json(run):
    done = run("forecast", "--csv", "-", "--horizon", "14", "--json", input=CSV)
    facts = json.loads(done.stdout)
    assert facts.keys() == KEYS
    sound(facts, 14)
    assert facts["total"] == pytest.approx(14 * 13, rel=0.05)
    assert facts["volatility"] == "calm"


def test_a_file_with_columns_in_another_order(run, tmp_path):
    (tmp_path / "costs.csv").write_text(
        "\ufeffCost, Date\n" + "".join(f"{cost},{day}\n\n" for day, cost in zip(DAYS, COSTS, strict=True))
    )
    done = run("forecast", "--csv", tmp_path / "costs.csv", "--horizon", 14, "--json")
    assert json.loads(done.stdout) == json.loads(
        run("forecast", "--csv", "-", "--horizon", 14, "--json", input=CSV).stdout
    )


def test_hours_are_summed_to_days_and_the_horizon_is_days(run):
    hours = "".join(
        f"{day}T{hour:02},{cost / 24}\n" for day, cost in zip(DAYS, COSTS, strict=True) for hour in range(24)
    )
    done = run("forecast", "--csv", "-", "--horizon", 14, "--json", input="date,cost\n" + hours)
    facts = json.loads(done.stdout)
    sound(facts, 14)
    assert facts["total"] == pytest.approx(14 * 13, rel=0.05)


def test_several_series_are_an_object_by_name(run):
    rows = "".join(f"{name},{day},{cost}\n" for name in ("b", "a") for day, cost in zip(DAYS, COSTS, strict=True))
    done = run("forecast", "--csv", "-", "--horizon", 3, "--json", input="series,date,cost\n" + rows)
    facts = json.loads(done.stdout)
    assert list(facts) == ["b", "a"]
    for one in facts.values():
        sound(one, 3)


def test_tables_for_people(run):
    one = run("forecast", "--csv", "-", "--horizon", 3, input=CSV).stdout
    assert [line.split()[0] for line in one.splitlines()[1:5]] == ["2025-03-02", "2025-03-03", "2025-03-04", "total"]
    assert one.splitlines()[-1].startswith("calm; weighted: ")
    several = run("forecast", "--csv", "-", input="series,date,cost\nx,2025-01-01,1\ny,2025-01-01,2\n").stdout
    assert several.splitlines()[1].startswith("x ")
    assert "simple" in several


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the first line must name the columns date and cost, and series if there are several"),
        ("day,cost\n", "the first line must name the columns date and cost, and series if there are several"),
        ("date,cost\n", "there are no rows after the heading"),
        ("date,cost\n2025-01-01\n", "row 1 has 1 fields and the heading 2"),
        ("date,cost\n2025-01-01,1\n2025-02-30,1\n", "row 2: '2025-02-30' is no date like 2025-01-31 or 2025-01-31T23"),
        ("date,cost\n2025-01-01,much\n", "row 1: 'much' is no amount"),
        ("date,cost\n2025-01-01,\n", "there is no day to forecast from"),
        ("series,date,cost\na,2025-01-01,1\nb,2025-01-01,x\n", "series b: row 1: 'x' is no amount"),
        ("date,cost\n2025-01-01,1e308\n", "the amounts are too large to add up"),
    ],
)
def test_bad_input_is_one_sentence(run, text, sentence):
    done = run("forecast", "--csv", "-", "--json", input=text)
    assert done.exit_code == 1
    assert done.stderr == f"Error: {sentence}\n"
    assert done.stdout == ""


def test_a_file_that_is_not_there_and_one_that_is_no_text(run, tmp_path):
    assert run("forecast", "--csv", "gone.csv").stderr == "Error: gone.csv can't be read: No such file or directory\n"
    (tmp_path / "x.bin").write_bytes(b"date,cost\n\xff\xfe")
    assert run("forecast", "--csv", "x.bin").stderr.startswith("Error: x.bin is no CSV text: ")


@pytest.mark.parametrize("words", [("--horizon", "7"), ("--csv", "x.csv", "--batch"), ("--batch", "--horizon", "0")])
def test_wrong_usage(run, words):
    assert run("forecast", *words).exit_code == 2


def test_a_batch_answers_line_by_line(run):
    replies = batch(
        run, REQUEST, "", {**REQUEST, "id": 7, "horizon": 30}, {k: v for k, v in REQUEST.items() if k != "horizon"}
    )
    assert [reply["id"] for reply in replies] == ["a", 7, "a"]
    for reply, horizon in zip(replies, (7, 30, 30), strict=True):
        sound(reply, horizon)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"dates": DAYS[1:]}, "there are 59 dates and 60 costs"),
        ({"dates": None}, "the request has no list of dates"),
        ({"costs": "1,2"}, "the request has no list of costs"),
        ({"horizon": 2.5}, "the horizon 2.5 is no whole number of days"),
        ({"horizon": True}, "the horizon True is no whole number of days"),
        ({"horizon": 0}, "the horizon must be 1 to 3660 days, not 0"),
        ({"dates": [], "costs": []}, "there are no days"),
        ({"costs": [None] * 60}, "there is no day to forecast from"),
        ({"costs": ["x"] * 60}, "row 1: 'x' is no amount"),
        (
            {"dates": ["0001-01-01", *DAYS[1:]]},
            "the days from 0001-01-01 to 2025-03-01 are too far apart for one series",
        ),
    ],
)
def test_a_bad_request_does_not_stop_the_batch(run, change, error):
    refused, answered = batch(run, {**REQUEST, **change}, REQUEST)
    assert refused == {"id": "a", "error": error}
    sound(answered, 7)


def test_lines_that_are_no_requests(run):
    replies = batch(run, "{", "[1]", "[" * 100_000, REQUEST)
    assert [reply["id"] for reply in replies] == [None, None, None, "a"]
    assert replies[0]["error"].startswith("this is no JSON: ")
    assert replies[1]["error"] == "a request is an object with id, dates, costs and horizon"


def test_unknown_days_in_a_batch(run):
    (reply,) = batch(run, {**REQUEST, "costs": [*COSTS[:30], None, *COSTS[31:]]})
    sound(reply, 7)


def test_each_reply_comes_before_the_next_request():
    command = [sys.executable, "-m", "exporter", "forecast", "--batch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        for number in range(2):
            process.stdin.write(json.dumps({**REQUEST, "id": number}) + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["id"] == number
        process.stdin.close()
        assert process.wait(20) == 0


def test_scikit_learn_is_not_loaded():
    code = "import exporter.cli.forecast, exporter.analytics.forecast, sys; print('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
