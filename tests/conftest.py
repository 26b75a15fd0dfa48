"""What every test shares: a clean environment, and a fresh database of each kind."""

import glob
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine

PUT, UNSET = os.putenv, os.unsetenv


@pytest.fixture(autouse=True, scope="session")
def still_environment() -> Iterator[None]:
    """What tests set is told to Python, and not to the process: before glibc 2.41 a thread that reads the environment while
    another one makes it longer ends the process, and the demo trackers' threads run beside most tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "putenv", lambda name, value: None)
        patch.setattr(os, "unsetenv", lambda name: None)
        yield


@pytest.fixture
def whole_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a test of what reads the environment past Python, such as OpenSSL: it sets everything before a thread runs."""
    monkeypatch.setattr(os, "putenv", PUT)
    monkeypatch.setattr(os, "unsetenv", UNSET)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own settings must not decide what a test sees."""
    for name in list(os.environ):
        if name.startswith("SIGHTLINE_") and not name.startswith("SIGHTLINE_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server of this test run's own, on loopback; its URL without a database name."""
    binaries = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    found = binaries[-1] if binaries else os.path.dirname(shutil.which("initdb") or "")
    if not found:
        pytest.skip("PostgreSQL is not installed: 'make postgres' installs it where that is allowed")
    home = tempfile.mkdtemp(prefix="sightline-pg-")
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(home, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = (
        f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c fsync=off -c max_connections=50"
    )
    subprocess.run(
        [*as_user, f"{found}/initdb", "-D", f"{home}/db", "-A", "trust", "-U", "sightline"],
        check=True,
        capture_output=True,
        cwd="/",
    )
    subprocess.run(
        [*as_user, f"{found}/pg_ctl", "-D", f"{home}/db", "-w", "-o", options, "-l", f"{home}/log", "start"],
        check=True,
        capture_output=True,
        cwd="/",
    )
    try:
        yield f"postgresql+psycopg://sightline@127.0.0.1:{port}"
    finally:
        subprocess.run(
            [*as_user, f"{found}/pg_ctl", "-D", f"{home}/db", "-m", "immediate", "stop"],
            check=True,
            capture_output=True,
            cwd="/",
        )
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once per kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return new_database(request.getfixturevalue("postgres"))


def new_database(server: str) -> str:
    """The URL of an empty database of its own on a PostgreSQL server."""
    name = f"t{os.urandom(6).hex()}"
    admin = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    admin.dispose()
    return f"{server}/{name}"
