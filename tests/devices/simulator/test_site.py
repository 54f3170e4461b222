"""Simulated PLCs for a whole site."""

import pytest
from plcmq.devices.model.devices import DeviceDefinition, Endpoint, Site
from plcmq.devices.simulator.plc import SimulatedPlc
from plcmq.devices.simulator.site import ServeError, SimulatedSite, loopback, rewrite


def site(profile, *devices):
    return Site({profile.name: profile}, devices)


async def test_endpoints_elsewhere_are_served_on_free_loopback_ports(press, join):
    here = site(
        press,
        DeviceDefinition(1, "one", "192.0.2.1", "press", unit=1),
        DeviceDefinition(2, "two", "192.0.2.1", "press", unit=2),
        DeviceDefinition(3, "three", "plc.example", "press"),
    )
    async with SimulatedSite(here) as simulated:
        places = simulated.rewritten()
        assert places[1] == places[2] != places[3]
        assert {place.host for place in places.values()} == {"127.0.0.1"}
        assert [served.devices for served in simulated.served()] == [("one", "two"), ("three",)]
        master = await join(simulated.plc("two"))
        assert await master.ask("06 0000 0001", unit=2) == "0600000001"
        assert simulated.plc("one").evidence.strokes == {"two.batch_size": 1}


async def test_endpoints_on_loopback_are_served_as_they_are(press):
    async with SimulatedPlc() as other:
        port = other.port
    here = site(
        press,
        DeviceDefinition(1, "one", "localhost", "press", port=port),
        DeviceDefinition(2, "two", "127.0.0.1", "press", port=port, unit=2),
    )
    async with SimulatedSite(here) as simulated:
        assert simulated.rewritten()[1] == Endpoint("127.0.0.1", port)
        assert len(simulated.served()) == 1, "localhost is 127.0.0.1"
        assert {"one", "two", f"localhost:{port}", f"127.0.0.1:{port}"} == set(simulated.named())


async def test_a_port_in_use_names_the_device(press):
    async with SimulatedPlc() as other:
        here = site(
            press,
            DeviceDefinition(1, "one", "127.0.0.1", "press", port=other.port),
            DeviceDefinition(2, "two", "192.0.2.1", "press"),
        )
        with pytest.raises(ServeError, match=rf"cannot serve one at 127.0.0.1:{other.port}: .*in use"):
            await SimulatedSite(here).start()


async def test_the_report_has_every_endpoint(press, join):
    async with SimulatedSite(site(press, DeviceDefinition(1, "press-1", "192.0.2.1", "press"))) as simulated:
        master = await join(simulated.plc("press-1"))
        await master.ask("05 0000 ff00")
        await master.close()
        await simulated.plc("press-1").evidence.wait_until(lambda e: e.sockets.open == 0)
        ((address, endpoint),) = simulated.report()["endpoints"].items()
    assert address == str(simulated.rewritten()[1])
    assert endpoint["original"] == "192.0.2.1:502"
    assert endpoint["devices"] == ["press-1"]
    assert endpoint["sockets"] == {
        "open": 0,
        "peak": 1,
        "opened": 1,
        "turned_away": 0,
        "closed": {"fin": 1, "rst": 0, "server": 0},
    }
    assert endpoint["strokes"] == {"press-1.start": 1}


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("localhost", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.1.2.3", "127.1.2.3"),
        ("::1", "::1"),
        ("192.168.0.1", None),
        ("plc.example", None),
    ],
)
def test_what_is_loopback(host, address):
    assert loopback(host) == address


def test_a_rewritten_site_differs_in_places_only():
    document = {
        "profiles": {"press": {"tags": {}}},
        "devices": [{"id": 1, "host": "a", "profile": "press"}, {"id": 2, "host": "b", "port": 1502}],
    }
    assert rewrite(document, {1: Endpoint("127.0.0.1", 4000)}) == {
        "profiles": {"press": {"tags": {}}},
        "devices": [
            {"id": 1, "host": "127.0.0.1", "profile": "press", "port": 4000},
            {"id": 2, "host": "b", "port": 1502},
        ],
    }
    assert rewrite({"profiles": {}}, {}) == {"profiles": {}}
