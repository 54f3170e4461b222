"""The registry's tables and its connection: peewee, kept in one place with `registry`.

Strategy: the models are bound to no database; each query is given one when it runs, so several registries can
live in one process. A `Connection` opens late, and again after it was lost. All work goes through its
`transaction`, which refuses to run on an event loop's thread (everything else there would stop) and turns
whatever the driver raises into a `RegistryError` that says what to do.

Definitions are JSON text and not a JSON column: the order of a definition's names has a meaning, which
PostgreSQL's type would lose.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from peewee import (
    Database,
    InterfaceError,
    OperationalError,
    PeeweeException,
    PostgresqlDatabase,
    SqliteDatabase,
)

_SQLITE: Final = "sqlite:///"
_MEMORY: Final = ":memory:"
_PRAGMAS: Final = {
    "journal_mode": "wal",
    "synchronous": 1,
    "foreign_keys": 1,
    "wal_autocheckpoint": 1000,  # pages
    "journal_size_limit": 64 * 1024 * 1024,
}
_OPEN_AGAIN: Final = 0.02  # seconds between two tries to open a file that is locked
_CONNECT_TIMEOUT: Final = 5  # seconds; PostgreSQL counts whole ones


class RegistryError(Exception):
    """The registry cannot do what was asked. The message says why, and what to do."""


class Connection:
    """One connection to the database that a URL names.

    Args:
        url: `sqlite:///plcmq.db` (four slashes for an absolute path) or `postgresql://user@host/name`.
        timeout: seconds to wait for a lock that another program holds.
        create: whether a SQLite file that does not exist is made.
        durable: whether what is committed survives a power failure too, at the price of one flush each.

    Raises:
        RegistryError: the URL names no database that plcmq can use.
    """

    def __init__(self, url: str, *, timeout: float, create: bool = True, durable: bool = False) -> None:
        self._create = create
        self._timeout = timeout
        self._path: str | None = None
        self.is_postgresql = url.startswith(("postgresql://", "postgres://"))
        if self.is_postgresql:
            self._place = _without_password(url)
            self._db: Database = PostgresqlDatabase(
                "postgresql://" + url.partition("://")[2],
                prefer_psycopg3=True,
                autoconnect=False,
                connect_timeout=_CONNECT_TIMEOUT,
                options=f"-c lock_timeout={round(timeout * 1000)}",
            )
        elif url.startswith(_SQLITE) and len(url) > len(_SQLITE):
            self._place = self._path = url.removeprefix(_SQLITE)
            if self._path == _MEMORY:
                raise RegistryError(
                    f"registry {url}: a database in memory belongs to one connection, "
                    "and plcmq has several; name a file"
                )
            pragmas = _PRAGMAS | {"synchronous": 2} if durable else _PRAGMAS
            self._db = SqliteDatabase(
                self._path, pragmas=pragmas, timeout=timeout, lock_type="immediate", autoconnect=False
            )
        else:
            raise RegistryError(_wrong_url(url))

    def close(self) -> None:
        """Closes the connection, if it is open."""
        refuse_event_loop()
        self._db.close()

    @contextmanager
    def transaction(self, *, write: bool) -> Iterator[Database]:
        """All or nothing; a consistent view for reading. Opens the connection where it is not open.

        Raises:
            RegistryError: the database cannot do it.
            RuntimeError: this is the thread of a running event loop.
        """
        refuse_event_loop()
        try:
            if self._db.is_closed():
                self._open()
            with self._db.atomic(self._isolation(write)):
                yield self._db
        except PeeweeException as error:
            if isinstance(error, OperationalError | InterfaceError):
                self._db.close()
            raise RegistryError(self._explain(error)) from error

    def _open(self) -> None:
        """Opens the connection. SQLite itself does not wait while another program turns a new file to WAL."""
        self._look_before_opening()
        until = time.monotonic() + self._timeout
        while True:
            try:
                self._db.connect()
            except OperationalError as error:
                self._db.close()
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(_OPEN_AGAIN)
            else:
                return

    def _isolation(self, write: bool) -> str:
        if self.is_postgresql:
            return "READ COMMITTED" if write else "REPEATABLE READ"
        return "IMMEDIATE" if write else "DEFERRED"

    def _look_before_opening(self) -> None:
        """SQLite says no more than that it is unable to open a file."""
        if self._path is None:
            return
        path = Path(self._path)
        try:
            if path.is_dir():
                raise RegistryError(f"registry {path} is a directory; name a file in it")
            if not path.parent.is_dir():
                raise RegistryError(
                    f"registry {path}: the directory {path.parent} does not exist; make it first"
                )
            if not self._create and not path.exists():
                raise RegistryError(
                    f"registry {path} does not exist; `plcmq apply` makes it, or is the path wrong?"
                )
        except OSError as error:
            raise RegistryError(f"registry {path}: {error.strerror}") from error

    def _explain(self, error: PeeweeException) -> str:
        reason = " ".join(str(error).split()) or type(error).__name__
        if self.is_postgresql:
            return _explain_postgresql(self._place, reason, self._timeout)
        for sign, sentence in _SQLITE_REASONS.items():
            if sign in reason:
                return f"registry {self._place} {sentence.format(timeout=self._timeout)}"
        return f"registry {self._place}: {reason}"


_SQLITE_REASONS: Final = {
    "locked": "is locked by another program for more than {timeout:g} s; end that program, or try again",
    "unable to open": "cannot be opened; may this user read and write the file and its directory?",
    "readonly": "cannot be written; this user needs write access to the file and its directory",
    "not a database": "is no SQLite database; is the path right? Move it away, and plcmq makes a new one",
    "malformed": "is damaged; restore it from a backup, or move it away and apply the site file again",
    "disk is full": "cannot grow: the disk is full",
    "disk I/O": "cannot be read or written: the disk reports an error",
}


def refuse_event_loop() -> None:
    """Raises RuntimeError on the thread of a running event loop, which a database must not hold up."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("a database call on the event loop's thread; use DatabaseThread")


def _explain_postgresql(place: str, reason: str, timeout: float) -> str:
    if "lock timeout" in reason:
        return f"registry {place} is locked by another program for more than {timeout:g} s; try again"
    if "invalid" in reason and ("URI" in reason or "connection option" in reason or "port" in reason):
        return f"registry {place}: wrong URL: {reason}"
    if "permission denied" in reason or "read-only" in reason:
        return f"registry {place}: {reason}; give this user write access to the database"
    return f"registry {place}: {reason}; is PostgreSQL running there, and may this user use the database?"


def _wrong_url(url: str) -> str:
    return (
        f"registry {_without_password(url)!r} is no URL of a registry; write sqlite:///plcmq.db, "
        "sqlite:////var/lib/plcmq/plcmq.db (four slashes for an absolute path) or postgresql://user@host/name"
    )


def _without_password(url: str) -> str:
    try:
        password = urlsplit(url).password
    except ValueError:
        return url.partition("://")[0] + "://..."
    return url.replace(f":{password}@", ":***@") if password else url
