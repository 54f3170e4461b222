"""How a registry's database comes to have its tables: numbered steps, as data.

Strategy: tables are made and changed in this way only, so a new file and an old one go the same way. The SQL
is what SQLite and PostgreSQL both speak.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema, applied once, in a transaction."""

    number: int
    statements: tuple[str, ...]


MIGRATIONS: Final[tuple[Migration, ...]] = (
    Migration(
        1,
        (
            "CREATE TABLE plcmq_meta (id INTEGER NOT NULL PRIMARY KEY, schema_version INTEGER NOT NULL,"
            " revision BIGINT NOT NULL, created TEXT NOT NULL)",
            "CREATE TABLE plcmq_profiles (name TEXT NOT NULL PRIMARY KEY, definition TEXT NOT NULL)",
            "CREATE TABLE plcmq_devices (id BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
            " enabled BOOLEAN NOT NULL, definition TEXT NOT NULL)",
        ),
    ),
    Migration(
        2,
        (
            # `reply` is JSON text; without one, the command was handed over and never heard of again.
            "CREATE TABLE plcmq_journal (scope TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL,"
            " reply TEXT, created DOUBLE PRECISION NOT NULL, PRIMARY KEY (scope, key))",
            "CREATE INDEX plcmq_journal_created ON plcmq_journal (created)",
            # Whether hosts in other processes may hold sockets to PLCs: 1 from their joining to our end.
            "ALTER TABLE plcmq_meta ADD COLUMN hosts_elsewhere INTEGER NOT NULL DEFAULT 0",
        ),
    ),
    Migration(
        3,
        (
            # `holes` is JSON text. Beside the devices and not in them: to learn redefines nothing.
            "CREATE TABLE plcmq_learned (device BIGINT NOT NULL PRIMARY KEY, place TEXT NOT NULL,"
            " epoch BIGINT NOT NULL, holes TEXT NOT NULL)",
            # Grows each time that somebody wants devices to be learned anew.
            "ALTER TABLE plcmq_meta ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0",
        ),
    ),
    Migration(
        4,
        (
            # The ledger: who owns what (see broker/fleet/ledger.py).
            "CREATE TABLE plcmq_brokers (name TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL,"
            " epoch BIGINT NOT NULL, seen BIGINT NOT NULL, beat BIGINT NOT NULL, identity TEXT NOT NULL,"
            " clients TEXT, hosts TEXT)",
            "CREATE TABLE plcmq_sessions (id TEXT NOT NULL PRIMARY KEY, name TEXT NOT NULL,"
            " machine TEXT NOT NULL, boot TEXT NOT NULL, state TEXT NOT NULL, beat BIGINT NOT NULL,"
            " opened DOUBLE PRECISION NOT NULL)",
            "CREATE TABLE plcmq_seats (endpoint TEXT NOT NULL PRIMARY KEY, term BIGINT NOT NULL,"
            " session TEXT, released INTEGER NOT NULL)",
            # Grow with each change of a seat, and of the list of brokers.
            "ALTER TABLE plcmq_meta ADD COLUMN seats BIGINT NOT NULL DEFAULT 0",
            "ALTER TABLE plcmq_meta ADD COLUMN brokers BIGINT NOT NULL DEFAULT 0",
            # The attempt of a keyed command, and the session that it is meant for.
            "ALTER TABLE plcmq_journal ADD COLUMN attempt TEXT",
            "ALTER TABLE plcmq_journal ADD COLUMN session TEXT",
        ),
    ),
)
"""All migrations, in order. A published one is never changed: what comes later is a new one."""
