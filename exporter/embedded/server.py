"""One server on one folder.

One rule: a folder has at most one server and a server at most one owner, whatever was killed and whatever a pid file
claims. Two file locks say so. `owner.lock` is ours alone; `server.lock` is inherited by every process of the server,
so the kernel itself tells whether any of them is left. A number in a pid file proves nothing, and zombies hold no lock.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

import psycopg2

from exporter.embedded.binaries import Binaries, working_binaries
from exporter.embedded.files import hand_over, locked, open_log, os_reason, read_from, reason, sync_folder
from exporter.embedded.processes import ask_to_stop, shut_down, spawn
from exporter.errors import StoreError

DATABASE = USER = "spend"


class EmbeddedPostgres:
    """One server on one folder, from `start` to `stop`. Calling `start` again after the server died restarts it.

    The URL stays the same through restarts of one object, so connection pools recover by themselves.
    `durable=False` is for tests: several times faster, and a power cut may lose the data.
    """

    def __init__(self, folder: Path, *, durable: bool = True, timeout: float = 120) -> None:
        self._folder = folder.absolute()
        self._durable = durable
        self._timeout = timeout
        self._port = 0
        self._owner: IO[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """False before `start`, after `stop`, and when the server died by itself."""
        return self._server is not None and self._server.poll() is None

    @property
    def pid(self) -> int | None:
        """The server's main process, while there is one."""
        return self._server.pid if self._server and self.running else None

    @property
    def url(self) -> str:
        """For SQLAlchemy, with the password in it: never log it."""
        return f"postgresql+psycopg2://{USER}:{self._password()}@127.0.0.1:{self._port}/{DATABASE}"

    @classmethod
    def url_of_running(cls, folder: Path) -> str | None:
        """The URL of the server that another process of this program runs on `folder`; None when none does."""
        server = cls(folder)
        try:
            with (folder / "owner.lock").open("ab") as lock:
                if locked(lock):
                    return None
            # The server's own file: its fourth line is the port, its last one says when it is ready.
            lines = (folder / "pg" / "postmaster.pid").read_text().splitlines()
            server._port = int(lines[3])
        except (OSError, ValueError, IndexError):
            return None
        return server.url

    def start(self) -> str:
        """Bring the server up, creating its files the first time, and return the URL."""
        if not self.running:
            try:
                self._start()
            except OSError as error:
                self.stop()
                raise StoreError(f"the embedded database in {self._folder} can't start: {os_reason(error)}") from error
            except BaseException:
                self.stop()
                raise
        return self.url

    def stop(self) -> None:
        """Shut the server down cleanly and let go of the folder. Harmless when nothing runs."""
        if self._server is not None:
            shut_down(self._server)
            self._server = None
        if self._owner is not None:
            self._owner.close()
            self._owner = None

    def _start(self) -> None:
        binaries = working_binaries()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)
        self._owner = self._owner or self._own()
        with self._outlived() as lock:
            hand_over(self._folder, binaries.uid)
            if not (self._folder / "pg").exists():
                self._create(binaries, lock)
            self._check_version(binaries)
            # Holding server.lock, we know that no server runs here: what a crash left would only stand in the way.
            (self._folder / "pg" / "postmaster.pid").unlink(missing_ok=True)
            self._port = _free_port(self._port)
            log_start = self._launch(binaries, lock)
        self._wait_until_ready(log_start)
        self._create_database()

    def _own(self) -> IO[bytes]:
        lock = (self._folder / "owner.lock").open("ab")
        patience = time.monotonic() + 1  # `url_of_running` in another process holds the lock for a moment
        while not locked(lock):
            if time.monotonic() < patience:
                time.sleep(0.02)
                continue
            lock.close()
            raise StoreError(
                f"{self._folder} is in use by another running process: stop it, or use another data folder"
            )
        return lock

    @contextlib.contextmanager
    def _outlived(self) -> Iterator[int]:
        """Hold `server.lock`, after the last process of an earlier server has gone."""
        with (self._folder / "server.lock").open("ab") as lock:
            began = time.monotonic()
            asked = False
            while not locked(lock):
                waited = time.monotonic() - began
                if waited > self._timeout:
                    raise StoreError(f"{self._folder} is in use by an earlier server that does not stop")
                if waited > 1 and not asked:  # most leave by themselves when their owner dies
                    asked = ask_to_stop(self._folder / "pg" / "postmaster.pid")
                time.sleep(0.02)
            yield lock.fileno()

    def _create(self, binaries: Binaries, lock: int) -> None:
        """`initdb` beside the final place, then rename: a half-made cluster is never taken for a whole one."""
        new = self._folder / "pg.new"
        shutil.rmtree(new, ignore_errors=True)
        self._new_password(binaries.uid)
        options = [
            f"--username={USER}",
            f"--pwfile={self._folder / 'password'}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
        ]
        command = binaries.command("initdb", f"--pgdata={new}", *options, *binaries.locale(), *self._syncing(binaries))
        made = subprocess.run(command, capture_output=True, pass_fds=(lock,), check=False, text=True, errors="replace")  # noqa: S603 our own binaries
        if made.returncode != 0:
            shutil.rmtree(new, ignore_errors=True)
            raise StoreError(f"the embedded database in {self._folder} can't be created: {reason(made.stderr)}")
        new.rename(self._folder / "pg")
        if self._durable:
            sync_folder(self._folder)

    def _syncing(self, binaries: Binaries) -> list[str]:
        if not self._durable:
            return ["--no-sync"]
        # One syncfs instead of a thousand fsyncs: 0.8 s instead of 4 s.
        return ["--sync-method=syncfs"] if binaries.major >= 17 and sys.platform == "linux" else []

    def _new_password(self, uid: int) -> None:
        final, new = self._folder / "password", self._folder / "password.new"
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
            file.flush()
            os.fsync(file.fileno())
        os.chown(new, uid, -1)
        new.rename(final)

    def _password(self) -> str:
        try:
            return (self._folder / "password").read_text()
        except FileNotFoundError:
            raise StoreError(
                f"{self._folder / 'password'} is missing: without it the database beside it stays closed"
            ) from None

    def _check_version(self, binaries: Binaries) -> None:
        made_by = (self._folder / "pg" / "PG_VERSION").read_text().strip()
        if made_by != str(binaries.major):
            raise StoreError(
                f"{self._folder} was made by PostgreSQL {made_by}, but {binaries.folder} holds {binaries.major}:"
                f" set PG_BIN to the programs of version {made_by}"
            )

    def _launch(self, binaries: Binaries, lock: int) -> int:
        """Start the server process; returns where its part of the log begins."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self._port,
            "unix_socket_directories": "",  # a killed server would leave the socket behind
            "timezone": "UTC",
            "log_checkpoints": "off",
            "logging_collector": "off",
        }
        if not self._durable:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        arguments = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with open_log(self._log) as log:
            begins = log.tell()
            self._server = spawn(binaries.command("postgres", "-D", str(self._folder / "pg"), *arguments), log, lock)
        return begins

    @property
    def _log(self) -> Path:
        return self._folder / "postgres.log"

    def _wait_until_ready(self, log_start: int) -> None:
        """Recovery after a crash may take a while; a server that died does not come up by waiting."""
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                self._connect().close()
            except psycopg2.OperationalError as error:
                refused = "authentication failed" in str(error)
                if self.running and not refused and time.monotonic() < deadline:
                    time.sleep(0.02)
                    continue
                said = read_from(self._log, log_start)
                why = reason(said) if not self.running else f"no answer in {self._timeout:g} s ({str(error).strip()})"
                raise StoreError(
                    f"the embedded database in {self._folder} can't start: {why} (see {self._log.name} there)"
                ) from None
            else:
                return

    def _connect(self) -> psycopg2.extensions.connection:
        return psycopg2.connect(
            host="127.0.0.1",
            port=self._port,
            user=USER,
            password=self._password(),
            dbname="postgres",
            connect_timeout=10,
        )

    def _create_database(self) -> None:
        db = self._connect()
        try:
            db.autocommit = True
            with db.cursor() as cursor:
                cursor.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,))
                if cursor.fetchone() is None:
                    cursor.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            db.close()


def _free_port(wanted: int) -> int:
    """The wanted port if it is still free, else any."""
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise StoreError("no port is free on 127.0.0.1")
