"""The files of a data folder: locks, ownership, log. And what went wrong with them, in a few words."""

from __future__ import annotations

import errno
import fcntl
import os
import re
from pathlib import Path
from typing import IO

_LOG_LIMIT = 5_000_000


def locked(lock: IO[bytes]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def hand_over(folder: Path, uid: int) -> None:
    """Give the folder to the uid the server runs as. Only root can, and only root needs to."""
    ends = (folder, folder / "pg", folder / "password")
    if os.geteuid() != 0 or all(path.stat().st_uid == uid for path in ends if path.exists()):
        return
    # Bottom up: the ends change last, so an interrupted run is seen and finished by the next one.
    for parent, _, files in os.walk(folder, topdown=False):
        for path in (*(Path(parent, name) for name in files), Path(parent)):
            os.chown(path, uid, -1, follow_symlinks=False)


def open_log(path: Path) -> IO[bytes]:
    if path.exists() and path.stat().st_size > _LOG_LIMIT:
        path.rename(path.with_suffix(".log.1"))
    log = path.open("ab")
    log.seek(0, os.SEEK_END)
    return log


def read_from(path: Path, start: int) -> str:
    with path.open("rb") as log:
        log.seek(start)
        return log.read().decode(errors="replace")


def reason(said: str) -> str:
    """The line that names the cause, of everything a Postgres program printed."""
    if "No space left on device" in said:
        return "the disk is full"
    lines = [line.strip() for line in said.splitlines() if line.strip() and "hint:" not in line.lower()]
    causes = [line for line in lines if re.search(r"\b(PANIC|FATAL|ERROR|error|could not)\b", line)]
    return (causes or lines[-1:] or ["it said nothing"])[0]


def os_reason(error: OSError) -> str:
    return "the disk is full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else str(error)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
