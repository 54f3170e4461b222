"""The registry: profiles and devices, kept in a database.

Strategy: `Registry` is synchronous and small: what a site file changes is decided by `diff`, which is pure,
and one transaction carries it out, touching only the rows that differ. The revision grows with every change,
so whoever holds a snapshot finds out cheaply whether it still stands. `DatabaseThread` serves event loops.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from peewee import Database, RawQuery

from ...devices.planning.learned import Learned
from ...devices.site.compile import compile_device
from ...devices.site.definitions.content import Definition, SiteContent, Snapshot
from ...devices.site.definitions.diff import Changes, DefinitionChange, DefinitionKind, compare, merge
from ...devices.site.definitions.problems import suggestion
from .database import Connection, RegistryError
from .migrations import MIGRATIONS, Migration
from .tables import DeviceRow, LearnedRow, MetaRow, ProfileRow

__all__ = ["Marks", "Registry", "RegistryError", "UnknownDevice"]

T = TypeVar("T")

_ROWS: Final = 500  # in one statement
_MIGRATION_LOCK: Final = 7_502_001  # PostgreSQL's number for "somebody migrates a registry"


class UnknownDevice(RegistryError):
    """The registry holds no such device."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What tells whether there is news in the registry.

    Attributes:
        revision: grows with every change of profiles or devices.
        epoch: grows with every order to learn devices anew.
    """

    revision: int
    epoch: int


class Registry:
    """The registry at a URL. Not for an event loop's thread: see `DatabaseThread`.

    Args:
        url: `sqlite:///plcmq.db`, `sqlite:////absolute/path.db` or `postgresql://user@host/name`.
        timeout: seconds to wait for a lock that another program holds.
        create: whether a SQLite file that does not exist is made.
        migrations: how the schema came about.

    Raises:
        RegistryError: the URL names no registry.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 5.0,
        create: bool = True,
        migrations: Sequence[Migration] = MIGRATIONS,
    ) -> None:
        self._connection = Connection(url, timeout=timeout, create=create)
        self._migrations = migrations

    def __enter__(self) -> Registry:
        self.open()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def open(self) -> None:
        """Connects, and brings the database to this version's schema.

        Raises:
            RegistryError: that is not possible, or a newer version made it.
        """
        try:
            with self._connection.transaction(write=False) as db:
                version = self._schema_version(db)
            if version < self._migrations[-1].number:
                self._migrate()
        except RegistryError:
            self._connection.close()
            raise

    def close(self) -> None:
        """Closes the connection. Idempotent."""
        self._connection.close()

    def revision(self) -> int:
        """The revision, which grows with every change of profiles or devices."""
        with self._connection.transaction(write=False) as db:
            return _revision(db)

    def marks(self) -> Marks:
        """What tells whether there is news."""
        with self._connection.transaction(write=False) as db:
            [(revision, epoch)] = MetaRow.select(MetaRow.revision, MetaRow.epoch).tuples().execute(db)
            return Marks(revision, epoch)

    def snapshot(self) -> Snapshot:
        """Everything, at one moment. Devices are in the order of their ids."""
        with self._connection.transaction(write=False) as db:
            return _read(db)

    def apply(self, site: SiteContent, *, prune: bool = False, dry_run: bool = False) -> Changes:
        """Makes the registry hold what a site holds, in one transaction, or changes nothing at all.

        Args:
            site: what to apply.
            prune: whether to remove what the site does not hold.
            dry_run: whether to change nothing, and only tell.

        Returns:
            What differed.

        Raises:
            SiteError: a device of the site has the name of another one that stays.
            RegistryError: the database cannot do it; nothing has been changed.
        """
        with self._connection.transaction(write=not dry_run) as db:
            if not dry_run:
                self._lock(db)
            old = _read(db)
            new = merge(old, site, prune=prune)
            changes = compare(old, new)
            if changes and not dry_run:
                _carry_out(db, changes, new)
                _advance(db)
        return changes

    def set_enabled(self, device: str | int, enabled: bool) -> bool:
        """Enables or disables a device.

        Args:
            device: its name or id.
            enabled: whether it shall be served.

        Returns:
            Whether that changed anything.

        Raises:
            UnknownDevice: there is no such device.
            RegistryError: the database cannot do it.
        """
        with self._connection.transaction(write=True) as db:
            self._lock(db)
            found = _find(db, device)
            changed = DeviceRow.update(enabled=enabled).where(
                DeviceRow.id == found, DeviceRow.enabled != enabled
            )
            if not changed.execute(db):
                return False
            _advance(db)
            return True

    def remove(self, device: str | int) -> None:
        """Removes a device.

        Args:
            device: its name or id.

        Raises:
            UnknownDevice: there is no such device.
            RegistryError: the database cannot do it.
        """
        with self._connection.transaction(write=True) as db:
            self._lock(db)
            found = _find(db, device)
            DeviceRow.delete().where(DeviceRow.id == found).execute(db)
            LearnedRow.delete().where(LearnedRow.device == found).execute(db)
            _advance(db)

    # --- what devices have taught

    def learned(self) -> dict[int, Learned]:
        """What is known of the holes of devices, by their ids; that is no part of any revision."""
        with self._connection.transaction(write=False) as db:
            return LearnedRow.found(db)

    def learn(self, news: Iterable[Learned]) -> None:
        """Keeps what hosts have found, unless the device is elsewhere or to be learned anew since."""
        with self._connection.transaction(write=True) as db:
            self._lock(db)
            for new in news:
                definition = (
                    DeviceRow.select(DeviceRow.definition).where(DeviceRow.id == new.device).scalar(db)
                )
                if definition is None or _place(definition) != new.place:
                    continue
                known = LearnedRow.found(db, new.device).get(new.device)
                joined = known.joined(new) if known else new
                if joined != known:
                    LearnedRow.keep(db, [joined])

    def relearn(self, device: str | int | None) -> list[str]:
        """Forgets the holes of a device, or of all, so that hosts ask for them anew.

        Args:
            device: its name or id; None: all devices.

        Returns:
            The names of the devices.

        Raises:
            UnknownDevice: there is no such device.
            RegistryError: the database cannot do it.
        """
        with self._connection.transaction(write=True) as db:
            self._lock(db)
            chosen = DeviceRow.select(DeviceRow.id, DeviceRow.name, DeviceRow.definition)
            if device is not None:
                chosen = chosen.where(DeviceRow.id == _find(db, device))
            rows = list(chosen.order_by(DeviceRow.id).tuples().execute(db))
            MetaRow.update(epoch=MetaRow.epoch + 1).execute(db)
            epoch = int(MetaRow.select(MetaRow.epoch).scalar(db))
            fresh = [Learned(number, _place(definition), epoch) for number, _, definition in rows]
            for portion in _portions(fresh):
                LearnedRow.keep(db, portion)
            return [name for _, name, _ in rows]

    def hosts_elsewhere(self) -> bool:
        """Whether hosts in other processes may hold sockets to PLCs, as far as the last broker knew."""
        with self._connection.transaction(write=False) as db:
            return bool(MetaRow.select(MetaRow.hosts_elsewhere).scalar(db))

    def note_hosts_elsewhere(self, there_are: bool) -> None:
        """Notes whether hosts in other processes may hold sockets to PLCs; that is no new revision."""
        with self._connection.transaction(write=True) as db:
            MetaRow.update(hosts_elsewhere=int(there_are)).execute(db)

    # --- schema

    def _schema_version(self, db: Database) -> int:
        if not db.table_exists("plcmq_meta"):
            return 0
        version: int = MetaRow.select(MetaRow.schema_version).scalar(db) or 0
        known = self._migrations[-1].number
        if version > known:
            raise RegistryError(
                f"the registry was made by a newer plcmq (its schema is {version}, "
                f"this version knows {known}); use that version, or another registry"
            )
        return version

    def _migrate(self) -> None:
        with self._connection.transaction(write=True) as db:
            if self._connection.is_postgresql:
                RawQuery(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})").execute(db)
            version = self._schema_version(db)  # another program may have been faster
            for migration in self._migrations:
                if migration.number > version:
                    for statement in migration.statements:
                        RawQuery(statement).execute(db)
            last = self._migrations[-1].number
            if version:
                MetaRow.update(schema_version=last).execute(db)
            else:
                now = datetime.now(UTC).isoformat(timespec="seconds")
                MetaRow.insert(id=1, schema_version=last, revision=0, created=now).execute(db)

    def _lock(self, db: Database) -> None:
        """Lets one change at a time in. In SQLite the transaction has done that by its kind."""
        if self._connection.is_postgresql:
            list(MetaRow.select(MetaRow.id).for_update().tuples().execute(db))


def _revision(db: Database) -> int:
    return int(MetaRow.select(MetaRow.revision).scalar(db))


def _advance(db: Database) -> None:
    MetaRow.update(revision=MetaRow.revision + 1).execute(db)


def _read(db: Database) -> Snapshot:
    profiles = ProfileRow.select(ProfileRow.name, ProfileRow.definition).order_by(ProfileRow.name)
    devices = DeviceRow.select(DeviceRow.enabled, DeviceRow.definition).order_by(DeviceRow.id)
    return Snapshot(
        profiles={name: json.loads(text) for name, text in profiles.tuples().execute(db)},
        devices=tuple(_device(bool(enabled), text) for enabled, text in devices.tuples().execute(db)),
        revision=_revision(db),
    )


def _device(enabled: bool, text: str) -> Definition:
    device: dict[str, Any] = json.loads(text)
    if not enabled:
        device["enabled"] = False
    return device


def _carry_out(db: Database, changes: Changes, new: SiteContent) -> None:
    """Rows that change are deleted and inserted anew, so that two devices may swap their names."""
    gone = changes.changed + changes.removed
    for keys in _portions(_keys(gone, DefinitionKind.PROFILE)):
        ProfileRow.delete().where(ProfileRow.name.in_(keys)).execute(db)
    for keys in _portions(_keys(gone, DefinitionKind.DEVICE)):
        DeviceRow.delete().where(DeviceRow.id.in_(keys)).execute(db)
    fresh = changes.changed + changes.added
    names, ids = set(_keys(fresh, DefinitionKind.PROFILE)), set(_keys(fresh, DefinitionKind.DEVICE))
    profiles = [
        {"name": name, "definition": _json(form)} for name, form in new.profiles.items() if name in names
    ]
    for rows in _portions(profiles):
        ProfileRow.insert_many(rows).execute(db)
    _forget_moved(db, new, set(_keys(gone, DefinitionKind.DEVICE)))
    for rows in _portions([_device_row(form) for form in new.devices if form["id"] in ids]):
        DeviceRow.insert_many(rows).execute(db)


def _keys(changes: Iterable[DefinitionChange], kind: DefinitionKind) -> list[str | int]:
    return [change.key for change in changes if change.kind is kind]


def _device_row(form: Definition) -> dict[str, Any]:
    definition = {key: value for key, value in form.items() if key != "enabled"}
    return {
        "id": form["id"],
        "name": form["name"],
        "enabled": form.get("enabled") is not False,
        "definition": _json(definition),
    }


def _json(form: Definition) -> str:
    return json.dumps(form, separators=(",", ":"), allow_nan=False)


def _portions(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _ROWS):
        yield items[start : start + _ROWS]


def _find(db: Database, device: str | int) -> int:
    """The id of a device that is given by name or by id, the latter also as text."""
    number = int(device) if isinstance(device, int) or (device.isdecimal() and device.isascii()) else None
    condition = DeviceRow.name == device if number is None else DeviceRow.id == number
    found = DeviceRow.select(DeviceRow.id).where(condition).scalar(db)
    if found is None:
        names = [name for (name,) in DeviceRow.select(DeviceRow.name).tuples().execute(db)]
        close = suggestion(str(device), names) or "; `plcmq device list` shows what there is"
        raise UnknownDevice(f"the registry holds no device {device!r}{close}")
    return int(found)


def _forget_moved(db: Database, new: SiteContent, devices: set[int | str]) -> None:
    """Of devices that have changed, drops what was learned elsewhere than where they are now."""
    places = {form["id"]: compile_device(form).place for form in new.devices if form["id"] in devices}
    known = LearnedRow.select(LearnedRow.device, LearnedRow.place).tuples().execute(db) if devices else ()
    moved = [number for number, place in known if number in devices and places.get(number) != place]
    for portion in _portions(moved):
        LearnedRow.delete().where(LearnedRow.device.in_(portion)).execute(db)


def _place(definition: str) -> str:
    return compile_device(json.loads(definition)).place
