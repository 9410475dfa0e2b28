"""Copies rules and dashboards into the Helm chart: `python -m tools.chart`, or `--check` to say what differs.

One rule: the copies are the originals, byte for byte. The settings are not copied: the chart makes them from its
values.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = ROOT / "deploy" / "helm" / "spend-exporter" / "files"
NOT_COPIED = {"settings.rules.yml"}


def wanted() -> dict[Path, bytes]:
    """What belongs into the chart."""
    rules = [file for file in (ROOT / "recording-rules").glob("*.yml") if file.name not in NOT_COPIED]
    boards = (ROOT / "dashboards" / "json").glob("*.json")
    return {
        **{FILES / "rules" / file.name: file.read_bytes() for file in rules},
        **{FILES / "dashboards" / file.name: file.read_bytes() for file in boards},
    }


def differing() -> list[Path]:
    """Copies that are missing, old or too many."""
    right = wanted()
    there = {file: file.read_bytes() for file in FILES.rglob("*") if file.is_file()}
    return sorted(file for file in right.keys() | there.keys() if right.get(file) != there.get(file))


def main() -> None:
    """Copy, or say what differs and fail."""
    if "--check" in sys.argv:
        if found := differing():
            sys.exit("chart: run `make chart`: " + ", ".join(file.name for file in found))
        return
    right = wanted()
    for file in differing():
        if file in right:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(right[file])
        else:
            file.unlink()


if __name__ == "__main__":
    main()
