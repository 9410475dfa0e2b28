"""compose.yaml as docker-compose itself reads it, and what is mounted into its containers."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from exporter.config.channels import configured
from exporter.embedded.binaries import find_binaries

ROOT = Path(__file__).parents[2]
EXPORTERS = {"demo": {"demo"}, "live": {"exporter"}, "ha": {"exporter", "exporter-2"}, "dev": {"dev"}}
BESIDE = {"postgres", "reader", "prometheus", "alertmanager", "alertmanager-config", "grafana"}
ONCE = {"reader", "alertmanager-config"}
MAY_WRITE = {"grafana"}


@pytest.fixture(params=EXPORTERS)
def profile(request) -> str:
    return request.param


@pytest.fixture
def compose(program, profile) -> dict:
    """What docker-compose makes of the file, with every default filled in."""
    environment = {"PATH": os.environ["PATH"], "COMPOSE_PROFILES": profile}
    done = subprocess.run(
        [program("docker-compose"), "--env-file", "/dev/null", "config", "--format=json"],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_a_profile_has_its_exporters_and_all_that_is_beside_them(compose, profile):
    assert set(compose["services"]) == BESIDE | EXPORTERS[profile]


def test_every_service_is_pinned_limited_and_may_do_little(compose):
    for name, service in compose["services"].items():
        tag = service["image"].rpartition(":")[2]
        assert re.fullmatch(r"v?\d+\.\d+(\.\d+)?|local", tag), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service.get("read_only", False) is (name not in MAY_WRITE), name
        assert service["deploy"]["resources"]["limits"].keys() >= {"cpus", "memory"}, name
        assert service.get("user", "10001") not in {"0", "root", "0:0"}, name
        assert all(port["host_ip"] == "127.0.0.1" for port in service.get("ports", [])), name
        mounts = [one for one in service.get("volumes", []) if one["type"] == "bind"]
        assert all(one.get("read_only") for one in mounts), name
    assert {one["image"].partition(":")[0] for one in compose["services"].values()} == {
        "spend-exporter", "postgres", "prom/prometheus", "prom/alertmanager", "grafana/grafana",
    }  # fmt: skip


def test_what_goes_on_running_says_how_it_is(compose, profile):
    dockerfile = (ROOT / "Dockerfile").read_text()
    for name in compose["services"].keys() - ONCE:
        assert "HEALTHCHECK" in dockerfile if name in EXPORTERS[profile] else compose["services"][name]["healthcheck"]
        assert compose["services"][name]["restart"] == "unless-stopped"


def test_no_secret_is_in_a_variable(compose):
    for name, service in compose["services"].items():
        for variable, value in (service.get("environment") or {}).items():
            if re.search("PASSWORD|KEY|TOKEN|SECRET|DATABASE_URL", variable):
                assert value.startswith("/run/secrets/"), f"{name}: {variable}"
                assert value.rpartition("/")[2] in {one["source"] for one in service["secrets"]}, name


def test_what_is_mounted_is_here(compose):
    for service in compose["services"].values():
        for mount in service.get("volumes", []):
            source = Path(mount["source"])
            assert mount["type"] != "bind" or source.exists() or source == ROOT / "spend.yaml"


def test_grafana_has_every_variable_and_file_that_its_provisioning_names(compose):
    grafana = compose["services"]["grafana"]
    targets = {mount["target"]: Path(mount["source"]) for mount in grafana["volumes"] if mount["type"] == "bind"}
    said = "".join(file.read_text() for file in targets["/etc/grafana/provisioning"].rglob("*.yaml"))
    assert set(re.findall(r"\$\{(\w+)\}", said)) <= grafana["environment"].keys()
    secrets = {f"/run/secrets/{one['source']}" for one in grafana["secrets"]}
    assert set(re.findall(r"\$__file\{(.+?)\}", said)) <= secrets
    [folder] = re.findall(r"path: (\S+)", said)
    assert list(targets[folder].glob("*.json"))


def test_prometheus_reads_its_configuration_and_rules_as_mounted(program, tmp_path):
    shutil.copy(ROOT / "prometheus" / "prometheus.yml", tmp_path)
    shutil.copytree(ROOT / "recording-rules", tmp_path / "rules")
    done = subprocess.run(
        [program("promtool"), "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"SUCCESS: \d+ rules found", done.stdout)) == len(list((tmp_path / "rules").glob("*.yml")))


@pytest.mark.parametrize("profile", ["demo"], indirect=True)
def test_alertmanager_has_the_secret_of_every_channel(compose):
    told = configured(ROOT / "alertmanager" / "alertmanager.yml", Path("/run/secrets"))
    wanted = set(re.findall(r"/run/secrets/(\w+)", yaml.safe_dump(told.left_out) + told.text())) | {"alerts_token"}
    for name in ("alertmanager", "alertmanager-config"):
        assert wanted <= {one["source"] for one in compose["services"][name]["secrets"]}


@pytest.fixture
def reader(database_url):
    """An engine as Grafana's role, made by the file that compose mounts."""
    psql = find_binaries() / "psql"
    if not psql.exists():
        pytest.skip("this Postgres has no psql")
    plain = database_url.replace("+psycopg2", "")
    options = ["--quiet", "--set=ON_ERROR_STOP=1", "--set=password=it's one", f"--file={ROOT}/grafana/reader.sql"]
    for _ in range(2):  # it may be run again
        subprocess.run([psql, plain, *options], check=True, stdout=subprocess.DEVNULL)
    url = make_url(database_url).set(username="spend_reader", password="it's one")
    yield create_engine(url, poolclass=NullPool)
    admin = create_engine(database_url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as db:
        db.execute(text("DROP OWNED BY spend_reader"))
        with suppress(DBAPIError):  # another database of this server may have it still
            db.execute(text("DROP ROLE spend_reader"))


def test_grafanas_role_reads_what_dashboards_ask_for_and_nothing_else(reader):
    boards = "".join(file.read_text() for file in (ROOT / "dashboards" / "json").glob("*.json"))
    asked = set(re.findall(r"\b(?:FROM|JOIN) ([a-z_]+)\b", boards))
    with reader.connect() as db:
        known = set(
            db.execute(text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")).scalars()
        )
        for table in (asked & known) - {"accounts", "sync_runs"}:
            db.execute(text(f"SELECT * FROM {table} LIMIT 1"))
        db.execute(text("SELECT id, provider, name, team, category FROM accounts"))
        db.execute(text("SELECT account_id, started_at, outcome, sentence FROM sync_runs"))
    assert len(asked & known) > 5
    for refused in (
        "SELECT credentials FROM accounts", "SELECT * FROM accounts", "SELECT sample FROM sync_runs",
        "DELETE FROM daily_charges", "CREATE TABLE mine (n int)",
        "SET default_transaction_read_only = off; DELETE FROM daily_charges",
    ):  # fmt: skip
        with reader.connect() as db, pytest.raises(DBAPIError, match=r"permission denied|read-only"):
            db.execute(text(refused))
