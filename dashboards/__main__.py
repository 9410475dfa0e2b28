"""`python -m dashboards` writes json/; `--check` only says whether the files are what the builders make."""

from __future__ import annotations

import sys
from pathlib import Path

from dashboards.boards import BOARDS

FOLDER = Path(__file__).parent / "json"


def files() -> dict[str, str]:
    """Text by file name."""
    return {f"{board.uid}.json": board.json() for board in BOARDS}


def drifted() -> list[str]:
    """Names of files that are missing, differ or have no builder."""
    wanted, found = files(), {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def write() -> None:
    """Make the folder hold exactly what the builders make."""
    for name in drifted():
        text = files().get(name)
        if text is None:
            (FOLDER / name).unlink()
        else:
            (FOLDER / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"dashboards/json/{name}\n")


if __name__ == "__main__":
    if sys.argv[1:] != ["--check"]:
        write()
    elif names := drifted():
        sys.exit(f"run `python -m dashboards`, these differ: {', '.join(names)}")
