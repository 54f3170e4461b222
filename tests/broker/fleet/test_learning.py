"""What the broker knows of holes reaches the registry and every host that serves the device."""

from plcmq.broker.catalogue import Catalogue, Entry, Kind
from plcmq.broker.fleet.fleet import Fleet
from plcmq.devices.interface.requests import CompiledProfile
from plcmq.devices.model.devices import DeviceDefinition, Profile
from plcmq.devices.model.tags import Table
from plcmq.devices.planning.learned import Learned
from plcmq.devices.planning.reads import Hole
from plcmq.devices.protocol.messages import Hello, Serve

KIND = Kind({"tags": {}}, CompiledProfile(Profile("press", {})))
PLACE = "10.0.0.1:502/1"
KNOWN = Learned(1, PLACE, 0, frozenset({Hole(Table.HOLDING, 5, 2)}))


def fleet_of(host="10.0.0.1", fleet=None):
    entry = Entry(
        {"id": 1, "profile": "press", "host": host}, DeviceDefinition(1, "press-1", host, "press"), KIND
    )
    fleet = fleet or Fleet()
    fleet.set_catalogue(Catalogue(1, {}, {1: entry}), 0.0)
    return fleet


def told(fleet):
    """What hosts have been told of holes since the last look."""
    messages, fleet.outbox = fleet.outbox, []
    return [known for _, m in messages if isinstance(m, Serve) for known in m.learned]


def join(fleet, name=b"a"):
    fleet.hello(name, Hello(name.decode(), "run", "1", []), 0.0, "1")
    return told(fleet)


def test_what_a_host_learns_is_for_the_registry_and_for_the_next_host():
    fleet = fleet_of()
    assert join(fleet) == []
    fleet.learned(b"a", KNOWN)
    fleet.learned(b"a", KNOWN)
    assert fleet.learning.outbox == [KNOWN]
    fleet.leave(b"a", 0.0)
    assert join(fleet, b"b") == [KNOWN]


def test_a_host_that_has_not_the_device_or_knows_it_elsewhere_is_not_believed():
    fleet = fleet_of()
    join(fleet)
    fleet.learned(b"b", KNOWN)
    fleet.learned(b"a", Learned(1, "10.0.0.9:502/1", 0, KNOWN.holes))
    fleet.learned(b"a", Learned(2, PLACE, 0, KNOWN.holes))
    assert fleet.learning.outbox == []


def test_what_the_registry_knows_is_told_with_the_device():
    fleet = fleet_of()
    fleet.relearn({1: KNOWN}, 0)
    assert join(fleet) == [KNOWN]


def test_relearn_is_told_to_the_host_that_has_the_device_once():
    fleet = fleet_of()
    fleet.relearn({1: KNOWN}, 0)
    join(fleet)
    anew = Learned(1, PLACE, 1)
    fleet.relearn({1: anew}, 1)
    assert told(fleet) == [anew]
    fleet.relearn({1: anew}, 1)
    assert told(fleet) == []


def test_a_late_word_from_before_relearn_changes_nothing():
    fleet = fleet_of()
    join(fleet)
    fleet.relearn({1: Learned(1, PLACE, 1)}, 1)
    fleet.learned(b"a", KNOWN)
    assert fleet.learning.outbox == []


def test_a_device_that_moves_is_not_told_what_it_taught_elsewhere():
    fleet = fleet_of()
    join(fleet)
    fleet.learned(b"a", KNOWN)
    fleet_of("10.0.0.2", fleet)
    fleet.released(b"a", [1], 1.0)
    assert told(fleet) == []
