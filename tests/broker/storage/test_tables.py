"""What devices have taught is kept and found as it was."""

from __future__ import annotations

from plcmq.broker.storage.database import Connection
from plcmq.broker.storage.registry import Registry
from plcmq.broker.storage.tables import LearnedRow
from plcmq.devices.model.tags import Table
from plcmq.devices.planning.learned import Learned
from plcmq.devices.planning.reads import Hole

FIRST = Learned(
    1, "10.0.0.1:502/1", 3, frozenset({Hole(Table.HOLDING, 12, 2), Hole(Table.INPUT, 0, 1, gap=True)})
)
SECOND = Learned(2, "10.0.0.2:502/1")


def test_of_all_devices_or_of_one_and_the_newest_counts(url):
    with Registry(url):
        pass
    connection = Connection(url, timeout=1)
    with connection.transaction(write=True) as db:
        LearnedRow.keep(db, [FIRST, SECOND])
        assert LearnedRow.found(db) == {1: FIRST, 2: SECOND}
        newer = Learned(1, "10.0.0.9:502/1", 4)
        LearnedRow.keep(db, [newer])
        assert LearnedRow.found(db, 1) == {1: newer}
        assert LearnedRow.found(db, 7) == {}
    connection.close()
