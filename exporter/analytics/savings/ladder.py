"""Which models may stand in for each other: families, their steps, and their generations.

One rule: a model whose name is not understood has no relatives. A wrong comparison is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_DATE = re.compile(r"-(20\d{6}|20\d\d-\d\d-\d\d)$")
_LATEST = "-latest"
_CLAUDE = ("opus", "sonnet", "haiku")


class Rung(NamedTuple):
    """Where a model stands: its line, its step (0 is the largest), and its generation as (major, minor)."""

    line: str
    step: int
    generation: tuple[int, int]


# Line, pattern with major, minor and step, steps from large to small. The empty step is the plain name.
_LINES: tuple[tuple[str, re.Pattern[str], tuple[str, ...]], ...] = tuple(
    (line, re.compile(pattern), steps)
    for line, pattern, steps in (
        ("gpt", r"gpt-(?P<major>\d+)(?:\.(?P<minor>\d+)|o)?(?:-(?P<step>pro|mini|nano))?", ("pro", "", "mini", "nano")),
        ("gpt star", r"gpt-(?P<major>\d+)(?:\.(?P<minor>\d+))?-(?P<step>astra|sol|terra|luna)",
         ("astra", "sol", "terra", "luna")),
        ("o", r"o(?P<major>\d+)(?P<minor>)(?:-(?P<step>pro|mini))?", ("pro", "", "mini")),
        ("claude", r"claude-(?P<step>opus|sonnet|haiku)-(?P<major>\d+)(?:-(?P<minor>\d))?", _CLAUDE),
        ("claude", r"claude-(?P<major>\d+)(?:-(?P<minor>\d))?-(?P<step>opus|sonnet|haiku)", _CLAUDE),
        ("gemini", r"gemini-(?P<major>\d+)(?:\.(?P<minor>\d+))?-(?P<step>pro|flash|flash-lite)",
         ("pro", "flash", "flash-lite")),
    )
)  # fmt: skip


def rung(model: str) -> Rung | None:
    """Where a model stands; a date or ``-latest`` at the end of its name doesn't matter."""
    plain = _DATE.sub("", model).removesuffix(_LATEST)
    for line, pattern, steps in _LINES:
        if found := pattern.fullmatch(plain):
            generation = int(found["major"]), int(found["minor"] or 0)
            return Rung(line, steps.index(found["step"] or ""), generation)
    return None


def relatives(model: str, listed: Iterable[str]) -> list[str]:
    """The listed models that may stand in, the nearest first: newer ones of the same step, then those one step down.

    One step down counts from the model's own generation on; dated names are the same model once more.
    """
    own = rung(model)
    if own is None:
        return []
    found: list[tuple[int, tuple[int, int], str]] = []
    for name in {*listed}:
        other = rung(name)
        if other is None or other.line != own.line or _DATE.search(name):
            continue
        successor = other.step == own.step and other.generation > own.generation
        smaller = other.step == own.step + 1 and other.generation[0] >= own.generation[0]
        if successor or smaller:
            found.append((other.step, other.generation, name))
    return [name for *_, name in sorted(found, key=lambda one: (one[0], *(-part for part in one[1]), one[2]))]
