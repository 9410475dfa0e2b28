"""`anomalies`: tables, pipes and batches."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from typer.testing import Result

Run = Callable[..., Result]
DATES = [str(date(2025, 1, 1) + timedelta(days=day)) for day in range(90)]
COSTS = [10.0] * 70 + [50.0] + [10.0] * 19
TABLE = "date,cost\n" + "".join(f"{day},{cost}\n" for day, cost in zip(DATES, COSTS, strict=True))
SPIKE = {
    "date": DATES[70],
    "score": 40.0,
    "severity": "high",
    "expected": 10.0,
    "lower": 5.0,
    "upper": 14.0,
    "kind": "spike",
    "excess": 40.0,
}


def request(**more: object) -> str:
    return json.dumps({"id": 1, "dates": DATES, "costs": COSTS} | more) + "\n"


def test_a_file_gives_the_list(run: Run, environment: Path) -> None:
    (environment / "spend.csv").write_text(TABLE)
    result = run("anomalies", "--csv", "spend.csv", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [SPIKE])


def test_a_pipe_gives_the_list(run: Run) -> None:
    assert json.loads(run("anomalies", "--csv", "-", "--json", input=TABLE).stdout) == [SPIKE]


def test_a_column_names_many_series(run: Run) -> None:
    lines = [f"{name},{day},{cost}\n" for name in "ab" for day, cost in zip(DATES, COSTS, strict=True)]
    result = run("anomalies", "--csv", "-", "--json", input="series,date,cost\n" + "".join(lines))
    assert json.loads(result.stdout) == [{"series": "a"} | SPIKE, {"series": "b"} | SPIKE]


def test_hours_are_summed_to_days(run: Run) -> None:
    lines = [f"{day}T{hour:02},{cost / 24}\n" for day, cost in zip(DATES, COSTS, strict=True) for hour in range(24)]
    (one,) = json.loads(run("anomalies", "--csv", "-", "--json", input="date,cost\n" + "".join(lines)).stdout)
    assert one == SPIKE


def test_without_json_it_is_a_table(run: Run) -> None:
    result = run("anomalies", "--csv", "-", input=TABLE)
    assert [*result.stdout.split()][-9:] == [DATES[70], "spike", "high", "40.0", "50.00", "10.00", "5.00", "–", "14.00"]
    assert run("anomalies", "--csv", "-", input="date,cost\n2025-01-01,1\n").stdout == "No day was unusual.\n"


@pytest.mark.parametrize("method", ["robust", "zscore", "spike"])
def test_the_method_is_chosen(run: Run, method: str) -> None:
    (one,) = json.loads(run("anomalies", "--csv", "-", "--json", "--method", method, input=TABLE).stdout)
    assert one["date"] == DATES[70]


def test_the_floor_is_chosen(run: Run) -> None:
    assert json.loads(run("anomalies", "--csv", "-", "--json", "--floor", "41", input=TABLE).stdout) == []


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("", "the table needs the columns date and cost; missing: date, cost"),
        ("day,cost\n", "the table needs the columns date and cost; missing: date"),
        ("date,cost\n", "the table has no line under its heading"),
        ("date,cost\n2025-01-01\n", "line 2: there are fewer values than columns"),
        ("date,cost\n2025-01-01,3,50\n", "line 2: there are more values than columns"),
        ("date,cost\n2025-01-01,x\n", "line 2: cost 'x' is not a number"),
        ("date,cost\nnever,1\n", "line 2: 'never' is neither a day (2025-01-31) nor an hour (2025-01-31T23)"),
        ("series,date,cost\na,0001-01-01,1\na,9000-01-01,1\n", "series a: the days lie more than 100 years apart"),
    ],
)
def test_a_bad_table_is_one_sentence(run: Run, table: str, sentence: str) -> None:
    result = run("anomalies", "--csv", "-", "--json", input=table)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {sentence}\n")


def test_files_that_cannot_be_read_are_one_sentence(run: Run, environment: Path) -> None:
    assert run("anomalies", "--csv", "gone").stderr == "Error: can't read gone: No such file or directory\n"
    (environment / "spend.csv").write_bytes(b"date,cost\n2025-01-01,\xff\n")
    assert run("anomalies", "--csv", "spend.csv").stderr == "Error: not UTF-8 text\n"


WRONG = [
    "--csv - --batch",
    "--batch --all",
    "--method zscore",
    "--floor 5 --json",
    "--batch --method guess",
    "--batch --floor -1",
    "--batch --sigmas 6",
]


@pytest.mark.parametrize("words", WRONG)
def test_wrong_usage_ends_with_2(run: Run, words: str) -> None:
    assert run("anomalies", *words.split()).exit_code == 2


def test_a_batch_answers_line_by_line(run: Run) -> None:
    lines = (
        request(id="a")
        + request(id=2, costs=COSTS[:5])
        + "\n"
        + "nonsense\n"
        + "[]\n"
        + '{"id": 3}\n'
        + request(id=None)
    )
    replies = [json.loads(line) for line in run("anomalies", "--batch", input=lines.rstrip()).stdout.splitlines()]
    assert replies == [
        {"id": "a", "anomalies": [SPIKE]},
        {"id": 2, "error": "90 dates need as many costs and requests, got 5 and 90"},
        {"id": None, "error": "the line is not JSON"},
        {"id": None, "error": 'a request is an object: {"id": …, "dates": […], "costs": […]}'},
        {"id": 3, "error": "a request needs the lists dates and costs"},
        {"id": None, "anomalies": [SPIKE]},
    ]


def test_a_batch_takes_requests(run: Run) -> None:
    line = request(costs=[10.0] * 90, requests=[100 * cost for cost in COSTS])
    (one,) = json.loads(run("anomalies", "--batch", input=line).stdout)["anomalies"]
    assert (one["kind"], one["date"]) == ("requests", DATES[70])


def test_each_line_is_answered_before_the_next_is_asked() -> None:
    command = [sys.executable, "-m", "exporter", "anomalies", "--batch"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for place in range(3):
            process.stdin.write(request(id=place))
            process.stdin.flush()
            assert json.loads(process.stdout.readline()) == {"id": place, "anomalies": [SPIKE]}
        process.stdin.close()
        assert process.wait(20) == 0
