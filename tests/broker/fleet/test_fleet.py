"""Which host serves which device."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from plcmq.broker.catalogue import Catalogue, Entry, Kind
from plcmq.broker.fleet.fleet import FENCE, LOCAL, SILENCE, Fleet
from plcmq.devices.interface.requests import CompiledProfile
from plcmq.devices.model.devices import DeviceDefinition, Profile
from plcmq.devices.protocol.messages import Hello, Ping, Refused, Release, Serve, Welcome

VERSION = "1"
KIND = Kind({"tags": {}}, CompiledProfile(Profile("press", {})))


def entry(number, *, port=502, enabled=True, name=None):
    device = DeviceDefinition(
        number, name or f"press-{number}", f"10.0.0.{number}", "press", port, enabled=enabled
    )
    return Entry(
        {"id": number, "profile": "press", "port": port, "name": device.name, "enabled": enabled},
        device,
        KIND,
    )


def catalogue(*entries):
    return Catalogue(1, {}, {e.device.id: e for e in entries})


def fleet_of(*entries, **arguments):
    fleet = Fleet(**arguments)
    fleet.set_catalogue(catalogue(*entries), 0.0)
    return fleet


def join(fleet, host, now=0.0, name=None, instance=None, devices=()):
    name = name or host.decode() or "local"
    fleet.hello(host, Hello(name, instance or name, VERSION, list(devices)), now, VERSION)
    return sent(fleet)


def sent(fleet):
    messages, fleet.outbox = fleet.outbox, []
    return messages


def served(messages, host):
    return [form["id"] for to, m in messages if to == host and isinstance(m, Serve) for form in m.devices]


def released(messages, host):
    return [device for to, m in messages if to == host and isinstance(m, Release) for device in m.devices]


def test_the_first_host_gets_every_device():
    fleet = fleet_of(entry(1), entry(2))
    messages = join(fleet, b"a")
    assert isinstance(messages[0][1], Welcome)
    assert served(messages, b"a") == [1, 2]
    assert fleet.host_of(1) == b"a"


def test_a_second_host_gets_its_share_only_when_the_first_has_let_go():
    fleet = fleet_of(*map(entry, range(1, 5)))
    join(fleet, b"a")
    moving = released(join(fleet, b"b"), b"a")
    assert len(moving) == 2
    assert fleet.host_of(moving[0]) is None
    assert fleet.is_moving(moving[0])
    fleet.released(b"a", moving, 1.0)
    assert sorted(served(sent(fleet), b"b")) == sorted(moving)
    assert fleet.host_of(moving[0]) == b"b"


def test_devices_behind_one_endpoint_sit_at_one_host():
    first, second = entry(1), entry(2)
    second = Entry(second.form, DeviceDefinition(2, "press-2", first.device.host, "press"), KIND)
    fleet = fleet_of(first)
    join(fleet, b"a")
    join(fleet, b"b")
    fleet.set_catalogue(catalogue(first, second), 1.0)
    assert fleet.host_of(2) == fleet.host_of(1) == b"a"


def test_only_the_changed_device_is_touched():
    fleet = fleet_of(entry(1), entry(2), entry(3))
    join(fleet, b"a")
    fleet.set_catalogue(catalogue(entry(1), entry(2, name="renamed"), entry(3)), 1.0)
    assert served(sent(fleet), b"a") == [2]
    fleet.set_catalogue(catalogue(entry(1), entry(2, name="renamed")), 2.0)
    messages = sent(fleet)
    assert released(messages, b"a") == [3]
    assert served(messages, b"a") == []


def test_a_device_that_moves_to_another_endpoint_is_released_first():
    fleet = fleet_of(entry(1))
    join(fleet, b"a")
    fleet.set_catalogue(catalogue(entry(1, port=503)), 1.0)
    messages = sent(fleet)
    assert released(messages, b"a") == [1]
    assert served(messages, b"a") == []
    fleet.released(b"a", [1], 1.1)
    assert served(sent(fleet), b"a") == [1]


def test_a_disabled_device_is_released_and_stays_away():
    fleet = fleet_of(entry(1))
    join(fleet, b"a")
    fleet.set_catalogue(catalogue(entry(1, enabled=False)), 1.0)
    assert released(sent(fleet), b"a") == [1]
    fleet.released(b"a", [1], 1.1)
    fleet.tick(2.0)
    assert served(sent(fleet), b"a") == []
    assert fleet.host_of(1) is None


def test_a_silent_host_is_lost_and_told():
    fleet = fleet_of(entry(1))
    join(fleet, b"a")
    fleet.tick(SILENCE - 0.1)
    assert not fleet.lost
    fleet.tick(SILENCE + 0.1)
    assert fleet.lost == [b"a"]
    assert fleet.host_of(1) is None


def test_another_host_gets_a_lost_hosts_devices_only_after_the_fence():
    fleet = fleet_of(entry(1))
    join(fleet, b"a")
    join(fleet, b"b")
    fleet.lose(b"a", 10.0)
    fleet.pong(b"b", 0, 10.0 + FENCE - 0.1)
    fleet.tick(10.0 + FENCE - 0.1)
    assert served(sent(fleet), b"b") == []
    fleet.tick(10.0 + FENCE)
    assert served(sent(fleet), b"b") == [1]


def test_a_restarted_host_of_the_same_name_gets_its_devices_at_once():
    fleet = fleet_of(entry(1))
    join(fleet, b"a", name="north", instance="run-1")
    join(fleet, b"b", name="south")
    fleet.lose(b"a", 10.0)
    assert served(join(fleet, b"c", 10.1, name="north", instance="run-2"), b"c") == [1]


def test_a_host_that_reconnects_keeps_what_it_serves():
    fleet = fleet_of(entry(1), entry(2))
    join(fleet, b"a", name="north", instance="run-1")
    messages = join(fleet, b"a2", 1.0, name="north", instance="run-1", devices=[1, 2])
    assert fleet.lost == [b"a"]
    assert sorted(served(messages, b"a2")) == [1, 2]
    assert released(messages, b"a2") == []


def test_two_living_hosts_cannot_have_one_name():
    fleet = fleet_of(entry(1))
    join(fleet, b"a", name="north", instance="run-1")
    messages = join(fleet, b"b", 0.1, name="north", instance="run-2")
    assert any(to == b"b" and isinstance(m, Refused) and not m.final for to, m in messages)
    assert any(to == b"a" and isinstance(m, Ping) for to, m in messages)


def test_a_host_of_another_version_is_refused_for_good():
    fleet = fleet_of(entry(1))
    fleet.hello(b"a", Hello("a", "a", "0", []), 0.0, VERSION)
    assert [m.final for _to, m in sent(fleet) if isinstance(m, Refused)] == [True]


def test_after_a_crash_of_the_broker_only_a_host_that_has_a_device_may_keep_it():
    fleet = fleet_of(entry(1), entry(2), fence_all_until=FENCE)
    assert served(join(fleet, LOCAL, 0.1), LOCAL) == []
    assert served(join(fleet, b"a", 0.2, devices=[1]), b"a") == [1]
    fleet.tick(FENCE)
    assert served(sent(fleet), LOCAL) == [2]


def test_hosts_elsewhere_get_nothing_before_the_next_broker_would_know_of_them():
    fleet = fleet_of(entry(1), on_record=False)
    assert served(join(fleet, b"a"), b"a") == []
    fleet.put_on_record(0.5)
    assert served(sent(fleet), b"a") == [1]


def test_the_host_in_the_brokers_process_needs_no_record():
    fleet = fleet_of(entry(1), entry(2), on_record=False)
    assert served(join(fleet, LOCAL), LOCAL) == [1, 2]
    assert released(join(fleet, b"a"), LOCAL) == []
    fleet.put_on_record(0.5)
    assert released(sent(fleet), LOCAL) == [1], "now it may have its share"


def test_a_host_that_leaves_in_good_order_needs_no_fence():
    fleet = fleet_of(entry(1))
    join(fleet, b"a")
    join(fleet, b"b")
    fleet.leave(b"a", 1.0)
    assert served(sent(fleet), b"b") == [1]


def test_a_host_is_told_to_drop_what_sits_elsewhere_by_now():
    fleet = fleet_of(entry(1))
    join(fleet, b"a")
    assert released(join(fleet, b"b", devices=[1, 99]), b"b") == [1, 99]


class AnyOrder(RuleBasedStateMachine):
    """Whatever comes in whatever order: no exception, and never one endpoint at two hosts."""

    hosts = st.sampled_from([b"a", b"b", b"c"])
    numbers = st.integers(1, 4)

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self.fleet = fleet_of(*map(entry, range(1, 4)))
        self.held = {}  # device -> the hosts that hold a socket for it, as far as the hosts know

    def deliver(self):
        while messages := sent(self.fleet):
            for host, message in messages:
                self.hear(host, message)

    def hear(self, host, message):
        if isinstance(message, Serve):
            for form in message.devices:
                self.held.setdefault(form["id"], set()).add(host)
        elif isinstance(message, Release):
            for device in message.devices:
                self.held.get(device, set()).discard(host)
            self.fleet.released(host, message.devices, self.now)

    @rule(host=hosts, instance=st.sampled_from(["one", "two"]), devices=st.lists(numbers, max_size=3))
    def hello(self, host, instance, devices):
        holds = [d for d in devices if host in self.held.get(d, ())]
        join_message = Hello(host.decode(), instance, VERSION, holds)
        self.fleet.hello(host, join_message, self.now, VERSION)
        self.deliver()

    @rule(host=hosts)
    def pong(self, host):
        self.fleet.pong(host, 0, self.now)

    @rule(host=hosts)
    def dies(self, host):
        for holders in self.held.values():
            holders.discard(host)
        self.fleet.lose(host, self.now)
        self.deliver()

    @rule(host=hosts)
    def leaves(self, host):
        for holders in self.held.values():
            holders.discard(host)
        self.fleet.leave(host, self.now)
        self.deliver()

    @rule(host=hosts, devices=st.lists(numbers, max_size=3))
    def claims_to_have_released(self, host, devices):
        self.fleet.released(host, [d for d in devices if host not in self.held.get(d, ())], self.now)
        self.deliver()

    @rule(seconds=st.floats(0.1, 10))
    def time_passes(self, seconds):
        self.now += seconds
        lost_before = set(self.fleet.hosts)
        self.fleet.tick(self.now)
        for host in lost_before - set(self.fleet.hosts):
            for holders in self.held.values():
                holders.discard(host)  # its lease has run out by the time of the fence
        self.deliver()

    @rule(numbers=st.sets(numbers))
    def redefined(self, numbers):
        self.fleet.set_catalogue(catalogue(*map(entry, sorted(numbers))), self.now)
        self.deliver()

    @invariant()
    def one_holder(self):
        assert all(len(holders) <= 1 for holders in self.held.values()), self.held

    @invariant()
    def seats_are_counted(self):
        for host in self.fleet.hosts.values():
            sitting = [s for s in self.fleet._seats.values() if s.host is host and not s.moving]
            assert host.seats == len(sitting)


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAnyOrder = AnyOrder.TestCase


def test_a_broker_that_stood_still_blames_no_host():
    fleet = fleet_of(entry(1))
    join(fleet, b"a")
    fleet.stood_still(60.0)
    fleet.tick(60.0)
    assert fleet.lost == []
    fleet.tick(60.0 + SILENCE + 0.1)
    assert fleet.lost == [b"a"]


def test_nothing_is_left_of_a_fence_that_has_ended():
    fleet = fleet_of(entry(1))
    join(fleet, b"a")
    fleet.set_catalogue(catalogue(entry(1)), 0.0)
    fleet.lose(b"a", 0.0)
    fleet.tick(FENCE)
    assert fleet._fences == {}
