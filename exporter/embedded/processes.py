"""Starting and ending a server process so that it never outlives its owner."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import IO


def spawn(command: Sequence[str], log: IO[bytes], lock: int) -> subprocess.Popen[bytes]:
    """Start a server from a thread of its own.

    The kernel sends the death signal when the *thread* that forked ends, not the process. So a thread that lives
    exactly as long as the server does the forking, and `start` may be called from any pool thread.
    """
    started: Future[subprocess.Popen[bytes]] = Future()

    def keep() -> None:
        try:
            server = subprocess.Popen(  # noqa: S603 our own binaries
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(lock,), start_new_session=True
            )
        except OSError as error:
            started.set_exception(error)
        else:
            started.set_result(server)
            server.wait()

    Thread(target=keep, name="embedded-postgres", daemon=True).start()
    return started.result()


def shut_down(server: subprocess.Popen[bytes]) -> None:
    """Fast shutdown, then an immediate one (it recovers at the next start), then the hard way."""
    for wish, patience in ((signal.SIGINT, 60), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
        server.send_signal(wish)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(patience)
            return


def ask_to_stop(pidfile: Path) -> bool:
    """Ask an orphaned server for a fast shutdown. The number may be anyone's by now, so its name is checked too."""
    try:
        pid = int(pidfile.read_text().split()[0])
        if "postgres" not in _program_name(pid):
            return False
        os.kill(pid, signal.SIGINT)
    except (OSError, ValueError, IndexError):
        return False
    return True


def _program_name(pid: int) -> str:
    if sys.platform == "linux":
        return Path(f"/proc/{pid}/comm").read_text()
    command = ["/bin/ps", "-o", "comm=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, check=False, text=True).stdout  # noqa: S603
