"""The tables of the registry's database."""

from __future__ import annotations

import json
from collections.abc import Sequence

from peewee import (
    BigIntegerField,
    BooleanField,
    CompositeKey,
    Database,
    DoubleField,
    IntegerField,
    Model,
    TextField,
)

from ...devices.planning.learned import Learned, forms_of, holes_of


class MetaRow(Model):
    """One row: what this database is."""

    id = IntegerField(primary_key=True)  # always 1
    schema_version = IntegerField()  # number of the last migration
    revision = BigIntegerField()  # grows with every change of profiles or devices
    created = TextField()  # UTC, ISO 8601
    epoch = BigIntegerField()  # grows with every order to learn devices anew
    hosts_elsewhere = IntegerField()  # 1: hosts in other processes may hold sockets to PLCs
    seats = BigIntegerField()  # grows with every change of a seat
    brokers = BigIntegerField()  # version of the list of brokers

    class Meta:
        """Where it is."""

        table_name = "plcmq_meta"


class ProfileRow(Model):
    """One profile."""

    name = TextField(primary_key=True)
    definition = TextField()  # canonical form as JSON

    class Meta:
        """Where it is."""

        table_name = "plcmq_profiles"


class DeviceRow(Model):
    """One device."""

    id = BigIntegerField(primary_key=True)
    name = TextField(unique=True)
    enabled = BooleanField()
    definition = TextField()  # canonical form as JSON, without `enabled`

    class Meta:
        """Where it is."""

        table_name = "plcmq_devices"


class LearnedRow(Model):
    """The holes of one device, as hosts have found them."""

    device = BigIntegerField(primary_key=True)  # its id
    place = TextField()  # endpoint and unit; at another one it counts no more
    epoch = BigIntegerField()  # of the registry when it was last to be learned anew; 0: never
    holes = TextField()  # as JSON

    class Meta:
        """Where it is."""

        table_name = "plcmq_learned"

    @classmethod
    def found(cls, db: Database, device: int | None = None) -> dict[int, Learned]:
        """What is known of one device's holes, or of every one's, by device."""
        rows = cls.select(cls.device, cls.place, cls.epoch, cls.holes)
        if device is not None:
            rows = rows.where(cls.device == device)
        return {
            number: Learned(number, place, epoch, holes_of(json.loads(holes)))
            for number, place, epoch, holes in rows.tuples().execute(db)
        }

    @classmethod
    def keep(cls, db: Database, items: Sequence[Learned]) -> None:
        """Puts them in the place of what was known of the same devices."""
        cls.delete().where(cls.device.in_([one.device for one in items])).execute(db)
        rows = [
            {"device": one.device, "place": one.place, "epoch": one.epoch, "holes": json.dumps(forms)}
            for one in items
            for forms in (forms_of(one.holes),)
        ]
        if rows:
            cls.insert_many(rows).execute(db)


class JournalRow(Model):
    """One keyed command."""

    scope = TextField()  # of the key: the client's identity
    key = TextField()
    digest = TextField()  # hash of device, action and arguments
    reply = TextField(null=True)  # as JSON; none: nobody heard what came of it
    created = DoubleField()  # seconds since the epoch

    class Meta:
        """Where it is."""

        table_name = "plcmq_journal"
        primary_key = CompositeKey("scope", "key")


class BrokerRow(Model):
    """One broker of the list."""

    name = TextField(primary_key=True)
    state = TextField()  # joining, member or left
    epoch = BigIntegerField()  # grows with every start of it
    seen = BigIntegerField()  # version of the list that it knows
    beat = BigIntegerField()
    identity = TextField()  # of its state directory
    clients = TextField(null=True)  # where clients connect
    hosts = TextField(null=True)  # where hosts connect

    class Meta:
        """Where it is."""

        table_name = "plcmq_brokers"


class SessionRow(Model):
    """One run of a host."""

    id = TextField(primary_key=True)
    name = TextField()  # of the host
    machine = TextField()
    boot = TextField()
    state = TextField()  # open, fenced, dead or closed
    beat = BigIntegerField()  # number of the last one that was noted
    opened = DoubleField()  # seconds since the epoch, for people

    class Meta:
        """Where it is."""

        table_name = "plcmq_sessions"


class SeatRow(Model):
    """One endpoint, and who holds it."""

    endpoint = TextField(primary_key=True)
    term = BigIntegerField()  # grows with every change of the holder
    session = TextField(null=True)
    released = IntegerField()  # 1: the holder has given this term back

    class Meta:
        """Where it is."""

        table_name = "plcmq_seats"
