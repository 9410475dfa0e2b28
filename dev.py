#!/usr/bin/env python3
"""Everything a checkout needs, with the standard library only: `python3 dev.py setup|run|stack|tour|test|…`.

One rule: one environment in `.venv`, made from the lock files alone. A stamp says what is in it; while the stamp fits,
nothing is installed and no network is needed. Old Pythons must get as far as the sentence that refuses them, so nothing
here is newer than Python 3.8.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
STAMP = VENV / ".stamp"
UV = "0.13.8"
LOCKS = {"run": "requirements.lock", "dev": "requirements-dev.lock"}  # dev holds all of run
UNFINISHED = "unfinished"


def main() -> None:
    """Run one command. The first step that fails ends it, by name."""
    commands = {"setup": setup, "run": run, "stack": stack, "tour": tour, "chart": chart, "test": test, "check": check,
                "bench": bench}  # fmt: skip
    name = sys.argv[1] if len(sys.argv) > 1 else "run"
    if name not in commands:
        stop("unknown command '{}': use one of {}".format(name, ", ".join(commands)))
    if sys.version_info < (3, 11):  # noqa: UP036 that is the point
        stop(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    os.chdir(str(ROOT))
    commands[name](sys.argv[2:])


def setup(_arguments: "list[str]") -> None:
    """Make the environment that `run` needs."""
    prepare("run")
    print("ready: .venv/bin/spend-exporter")


def run(arguments: "list[str]") -> None:
    """Become the program, with invented data in .data/demo."""
    prepare("run")
    sys.stdout.flush()
    program = str(BIN / "spend-exporter")
    os.execv(program, [program, "demo", "--data-dir", ".data/demo", *arguments])


def stack(arguments: "list[str]") -> None:
    """Become the demo with a real Prometheus and Alertmanager around it, in .data/stack."""
    prepare("run")
    fetch("servers")
    sys.stdout.flush()
    os.execv(python(), [python(), "-m", "tools.stack", *arguments])


def tour(arguments: "list[str]") -> None:
    """Show that the stack works: scrapes, rules, and a budget's breach and end in every channel."""
    prepare("dev")
    fetch("servers")
    step("tour", [python(), "-m", "pytest", "tests/alertmanager/test_tour.py", "-q", "-s", *arguments])


def chart(_arguments: "list[str]") -> None:
    """Copy rules and dashboards into the Helm chart, which can only hold files of its own folder."""
    prepare("run")
    step("chart", [python(), "-m", "tools.chart"])


def test(arguments: "list[str]") -> None:
    """All tests, with the real Prometheus and Alertmanager where this machine can have them."""
    prepare("dev")
    fetch("servers")
    fetch("checkers")
    step("tests", [python(), "-m", "pytest", *arguments])


def check(arguments: "list[str]") -> None:
    """Everything that CI asks of a change."""
    prepare("dev")
    fetch("servers")
    fetch("checkers")
    step("format", [python(), "-m", "ruff", "format", "--check", "."])
    step("lint", [python(), "-m", "ruff", "check", "."])
    step("types", [python(), "-m", "mypy"])
    step("security", [python(), "-m", "bandit", "-q", "-r", "exporter", "-c", "pyproject.toml"])
    check_rules()
    check_alertmanager()
    step("dashboards", [python(), "-m", "dashboards", "--check"])
    step("chart", [python(), "-m", "tools.chart", "--check"])
    step("tests", [python(), "-m", "pytest", "--cov", "--cov-fail-under=90", *arguments])


def bench(arguments: "list[str]") -> None:
    """The benchmarks. They print what they measured and judge ratios, not seconds."""
    prepare("dev")
    step("benchmarks", [python(), "-m", "benchmarks", *arguments])


def check_rules() -> None:
    folder = ROOT / "recording-rules"
    rules = sorted(map(str, [*folder.glob("*.yml"), *folder.glob("optional/*.yml")]))
    tests = sorted(map(str, folder.glob("tests/*.yml")))
    promtool = tool("promtool")
    if promtool:
        step("rules", [promtool, "check", "rules", "--lint=all", "--lint-fatal", *rules])
        step("rule tests", [promtool, "test", "rules", *tests])
    elif os.environ.get("REQUIRE_SERVERS") == "1":
        stop("rules: promtool is missing, and REQUIRE_SERVERS=1 asks for it")
    else:
        print("rules: skipped, there is no promtool here")


def check_alertmanager() -> None:
    """Where alerts go is among the tests: tests/routes.yml."""
    amtool = tool("amtool")
    if amtool:
        step("alertmanager", [amtool, "check-config", "alertmanager/alertmanager.yml"])
    elif os.environ.get("REQUIRE_SERVERS") == "1":
        stop("alertmanager: amtool is missing, and REQUIRE_SERVERS=1 asks for it")
    else:
        print("alertmanager: skipped, there is no amtool here")


def tool(name: str) -> "str | None":
    fetched = ROOT / ".tools" / "bin" / name
    return str(fetched) if fetched.exists() else shutil.which(name)


def fetch(what: str) -> None:
    """Without them the tests that need them are skipped; with REQUIRE_SERVERS=1 that is a failure."""
    print("== " + what, flush=True)
    if subprocess.call(["sh", f"tools/fetch-{what}.sh"]) != 0 and os.environ.get("REQUIRE_SERVERS") == "1":
        stop(what + " failed")


def prepare(kind: str) -> None:
    """Bring `.venv` up to what `kind` needs. Two of us at once take turns."""
    with Path(__file__).open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        stamp = STAMP.read_text() if STAMP.exists() else ""
        if works() and stamp in {fingerprint("dev"), fingerprint(kind)}:
            return
        print(f"== environment ({LOCKS[kind]})", flush=True)
        if stamp == UNFINISHED or not works():
            create()
        # What has been there keeps its extras: after `test`, `run` with a newer lock must not lose pytest.
        had_dev = stamp.startswith("dev ")
        install("dev" if had_dev else kind)


def fingerprint(kind: str) -> str:
    """What an environment of this kind was made from."""
    made_from = (ROOT / LOCKS[kind]).read_bytes() + (ROOT / "pyproject.toml").read_bytes()
    where = f"{sys.version} {VENV}".encode()  # scripts in it name their own path
    return f"{kind} {hashlib.sha256(made_from + where).hexdigest()}"


def works() -> bool:
    """True when the environment's Python starts and is of our version."""
    wanted = f"import sys; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
    try:
        return subprocess.call([python(), "-c", wanted], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def create() -> None:
    if VENV.exists():
        shutil.rmtree(str(VENV))
    command = [sys.executable, "-m", "venv", *(["--without-pip"] if find_uv() else []), str(VENV)]
    made = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode != 0:
        shutil.rmtree(str(VENV), ignore_errors=True)
        lacks_venv = "ensurepip" in made.stdout or "No module named venv" in made.stdout
        hint = "install the package python3-venv" if lacks_venv else made.stdout.strip()
        stop(f"environment: python3 can't make a virtual environment: {hint}")


def install(kind: str) -> None:
    STAMP.write_text(UNFINISHED)  # interrupted from here on, the next run starts over
    uv = find_uv()
    if uv is None:
        pip = [python(), "-m", "pip"]
        if subprocess.call([*pip, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) != 0:
            create()
            STAMP.write_text(UNFINISHED)
        step("uv", [*pip, "install", "-q", "--disable-pip-version-check", "uv==" + UV])
        uv = str(BIN / "uv")
    into = [uv, "pip", "install", "-q", "--python", python()]
    step("packages", [*into, "--require-hashes", "-r", LOCKS[kind]])
    step("spend-exporter", [*into, "--no-deps", "--no-build-isolation", "-e", "."])
    finished = STAMP.with_suffix(".new")
    finished.write_text(fingerprint(kind))
    finished.replace(STAMP)


def find_uv() -> "str | None":
    """A uv that starts: version managers put shims on PATH that may not."""
    for uv in (shutil.which("uv"), str(BIN / "uv")):
        try:
            if uv and subprocess.call([uv, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
                return uv
        except OSError:
            continue
    return None


def python() -> str:
    """The environment's own interpreter."""
    return str(BIN / "python")


def step(name: str, command: "list[str]") -> None:
    print(f"== {name}", flush=True)
    try:
        failed = subprocess.call(command)
    except OSError as error:
        stop(f"{name} failed: {error}")
    if failed:
        stop(f"{name} failed")


def stop(sentence: str) -> None:
    sys.exit("dev.py: " + sentence)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
