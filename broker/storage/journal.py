"""The journal of keyed commands, in the registry's database.

Strategy: what waits is written in one transaction, whatever it is and however much, in a `DatabaseThread`; so
the number of commands a second is not bound by the number of flushes. It has a connection of its own, which
survives a power failure too, because a forgotten key could make a machine do something twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, Self

from peewee import Database

from ..routing.idempotency import Begin, Finish, Forget, KeyId, LookUp, Order, Record
from .database import Connection
from .tables import JournalRow

KEEP: Final = 24 * 3600.0  # seconds that a key is kept

Done = list[tuple[Order, Record | None]]


class Journal:
    """The journal at a URL, whose database has the registry's schema. Not for an event loop's thread."""

    def __init__(self, url: str, *, timeout: float = 5.0) -> None:
        self._connection = Connection(url, timeout=timeout, durable=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection. Idempotent."""
        self._connection.close()

    def carry_out(self, orders: Sequence[Order], now: float) -> Done:
        """Does what is ordered, in one transaction, or nothing at all.

        Args:
            orders: what to do, in this order.
            now: seconds since the epoch.

        Returns:
            Each order; a `Begin` whose key was there already with its record.

        Raises:
            RegistryError: the database cannot do it.
        """
        with self._connection.transaction(write=True) as db:
            return [(order, self._one(db, order, now)) for order in orders]

    def expire(self, before: float) -> int:
        """Forgets the keys of commands that began before a time (seconds since the epoch); how many."""
        with self._connection.transaction(write=True) as db:
            return int(JournalRow.delete().where(JournalRow.created < before).execute(db))

    def _one(self, db: Database, order: Order, now: float) -> Record | None:
        match order:
            case Begin(id=key, digest=digest):
                return self._begin(db, key, digest, now)
            case Finish(id=key, reply=reply):
                text = json.dumps(reply, separators=(",", ":"))
                JournalRow.update(reply=text).where(*_is(key)).execute(db)
            case Forget(id=key):
                JournalRow.delete().where(*_is(key)).execute(db)
            case LookUp(id=key):
                return self._known(db, key)
        return None

    def _begin(self, db: Database, key: KeyId, digest: str, now: float) -> Record | None:
        row = {"scope": key.scope, "key": _text(key), "digest": digest, "created": now}
        if JournalRow.insert(row).on_conflict_ignore().as_rowcount().execute(db):
            return None
        return self._known(db, key)

    def _known(self, db: Database, key: KeyId) -> Record | None:
        known = JournalRow.select(JournalRow.digest, JournalRow.reply).where(*_is(key)).tuples()
        for found, text in known.execute(db):
            return Record(found, None if text is None else json.loads(text))
        return None


def _is(key: KeyId) -> tuple[object, object]:
    return JournalRow.scope == key.scope, JournalRow.key == _text(key)


def _text(key: KeyId) -> str:
    """The key as a text that every database takes: PostgreSQL has no NUL."""
    return key.key.replace("\\", "\\\\").replace("\0", "\\0")
