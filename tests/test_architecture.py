"""What may import what, and what may not be in the tree at all."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

GROUND = {"domain", "errors", "budgets", "alerts"}
SIBLINGS = {
    "providers", "store", "analytics", "metrics", "pricing", "config", "secrets", "embedded", "fx", "demo", "logs",
}  # fmt: skip
THIRD = {
    "sync": {"providers", "store", "pricing", "fx", "metrics"},
    "publish": {"store", "analytics", "metrics"},
    "insights": {"store", "analytics", "pricing"},
    "replay": {"store", "analytics", "pricing", "metrics", "insights", "publish"},
    "exports": {"store"},
    "web": {"metrics"},
}
MAY_IMPORT: dict[str, set[str]] = {
    "domain": set(),
    "errors": {"domain"},
    "budgets": {"domain", "errors"},
    "alerts": {"errors"},
    **dict.fromkeys(SIBLINGS, GROUND),
    **{floor: GROUND | below for floor, below in THIRD.items()},
    "app": GROUND | SIBLINGS | set(THIRD),
    "cli": GROUND | SIBLINGS | set(THIRD) | {"app"},
}
EXEMPT = {"__init__", "__main__"}

FILES = sorted(path.relative_to(ROOT) for path in (ROOT / "exporter").rglob("*.py"))
LOCKS = sorted(ROOT.glob("requirements*.lock"))

FORBIDDEN = {
    "a path of somebody's machine": re.compile(r"(?<![\w./$}-])/(?:root|work|home/\w+|Users/\w+)/\w"),
    "a package registry": re.compile(
        r"\bpypi\.org|pythonhosted\.org|registry\.npmjs\.org|deb\.debian\.org|proxy\.golang\.org|--index[-]url",
        re.IGNORECASE,
    ),
}


def floor_of(file: Path) -> str:
    return file.parts[1].removesuffix(".py")


def imported(source: str, package: str) -> Iterator[str]:
    """Every module a file imports, by its absolute dotted name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def imported_floors(file: Path) -> set[str]:
    modules = imported((ROOT / file).read_text(), ".".join(file.parts[:-1]))
    ours = (name.split(".")[1] for name in modules if name.startswith("exporter."))
    return {name for name in ours if not name.startswith("__")}


@pytest.mark.parametrize("file", [file for file in FILES if floor_of(file) not in EXEMPT], ids=str)
def test_imports_point_downwards(file: Path) -> None:
    floor = floor_of(file)
    assert floor in MAY_IMPORT, f"{file} belongs to no floor: give {floor} a line in MAY_IMPORT"
    assert imported_floors(file) <= MAY_IMPORT[floor] | {floor}


@pytest.mark.parametrize("floor", sorted(GROUND))
def test_the_ground_needs_the_standard_library_only(floor: str) -> None:
    outside = {name.split(".")[0] for name in imported((ROOT / "exporter" / f"{floor}.py").read_text(), "exporter")}
    assert outside <= sys.stdlib_module_names | {"exporter"}


def test_relative_and_nested_imports_are_seen() -> None:
    source = "from ..store import facts\nfrom . import client\ndef f():\n    import exporter.web.pages\n"
    assert list(imported(source, "exporter.sync")) == [
        "exporter.store.facts",
        "exporter.sync.client",
        "exporter.web.pages",
    ]


def test_dashboards_know_metrics_by_name_only() -> None:
    modules = {file.name: imported(file.read_text(), "dashboards") for file in (ROOT / "dashboards").rglob("*.py")}
    assert [file for file, names in modules.items() if any(name.startswith("exporter") for name in names)] == []


@pytest.mark.skipif(not (ROOT / ".git").exists() or not shutil.which("git"), reason="not a git checkout")
@pytest.mark.parametrize("what", sorted(FORBIDDEN))
def test_no_tracked_file_names(what: str) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [ROOT / name for name in listed.split("\0") if name]
    assert len(files) > 10
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in files
        if path.is_file() and (match := FORBIDDEN[what].search(path.read_text(errors="ignore")))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("cd /ro" + "ot/project", "a path of somebody's machine"),
        ('"/ho' + 'me/ann/x"', "a path of somebody's machine"),
        ("https://pypi" + ".org/simple", "a package registry"),
    ],
)
def test_the_patterns_find_what_they_are_for(line: str, what: str) -> None:
    assert FORBIDDEN[what].search(line)
    assert not FORBIDDEN[what].search("see https://docs.python.org/3/ and /usr/share/root/ and src/home/x/y")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_lock_files_are_hashed_and_name_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    pinned = re.findall(r"^[a-z0-9][^\s=]*==\S+.*\\$", text, re.MULTILINE)
    assert len(pinned) > 30
    assert len(pinned) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE)), "something is not pinned with a hash"


def test_the_lock_files_agree_with_each_other() -> None:
    image, run, dev = ({*re.findall(r"^([a-z0-9].*) \\$", lock.read_text(), re.MULTILINE)} for lock in _by_size())
    assert image < run < dev


def _by_size() -> list[Path]:
    return [ROOT / f"requirements{kind}.lock" for kind in ("-image", "", "-dev")]
