"""Numbers of all devices, cheap enough for once a second."""

from __future__ import annotations

from typing import Any

import pytest
from plcmq.broker.catalogue import Catalogue, Entry, Kind
from plcmq.broker.fleet.fleet import LOCAL, Fleet
from plcmq.broker.routing.figures import COUNT_WHILE, figures, natural, profiles
from plcmq.broker.routing.overview import Overview
from plcmq.broker.routing.router import Router
from plcmq.client.protocol.errors import PlcmqError
from plcmq.client.protocol.messages import Limits
from plcmq.devices.interface.requests import CompiledProfile
from plcmq.devices.model.devices import DeviceDefinition, Profile, State
from plcmq.devices.protocol.messages import COUNTED, Count, Counts, DeviceState, Hello

KIND = Kind({}, CompiledProfile(Profile("press", {}, description="A press")))


class Plant:
    """A broker's state with devices 1 to 4, the last one disabled, all at one host."""

    def __init__(self) -> None:
        entries = {}
        for number in range(1, 5):
            definition = DeviceDefinition(
                number, f"press-{number}", f"10.0.0.{number}", "press", enabled=number < 4
            )
            entries[number] = Entry({"id": number, "profile": "press"}, definition, KIND)
        by_name = {entry.device.name: entry for entry in entries.values()}
        self.overview = Overview("plcmq", "1", 0.0, 0.0, Limits(), Fleet())
        self.router = Router(self.overview, 1)
        self.router.set_catalogue(Catalogue(7, {"press": KIND}, entries, by_name, (1, 2, 3, 4)), 0.0)
        self.router.from_host(LOCAL, Hello("hall", "run-1", "1", []), 0.0)
        self.router.fleet.outbox.clear()

    def state(self, number: int, state: State, reason: str = "") -> None:
        self.router.from_host(LOCAL, DeviceState(number, state, 5.0, reason), 0.0)

    def counts(self, number: int, **numbers: Any) -> None:
        given = {"id": number} | numbers
        self.router.from_host(LOCAL, Counts([[given.get(name) for name in COUNTED]]), 0.0)

    def ask(self, now: float = 1.0, **rqargs: Any) -> list[dict[str, Any]]:
        told = figures(self.overview, rqargs, now)
        return [dict(zip(told["columns"], row, strict=True)) for row in told["rows"]]


@pytest.fixture
def plant() -> Plant:
    return Plant()


def test_the_abnormal_come_first_and_then_the_names(plant: Plant) -> None:
    plant.state(1, State.UP)
    plant.state(3, State.DOWN, "no answer")
    assert [row["name"] for row in plant.ask()] == ["press-3", "press-2", "press-1", "press-4"]
    assert plant.ask()[0]["reason"] == "no answer"
    assert [row["name"] for row in plant.ask(order="name", limit=2, offset=1)] == ["press-2", "press-3"]


def test_names_are_sorted_as_people_do() -> None:
    names = ["press-10", "press-9", "9-a", "press", "press-9b", "Press-1"]
    assert sorted(names, key=natural) == ["9-a", "Press-1", "press", "press-9", "press-9b", "press-10"]


def test_states_count_all_that_match_whatever_page_is_asked(plant: Plant) -> None:
    plant.state(1, State.UP)
    told = figures(plant.overview, {"limit": 1, "state": "up"}, 1.0)
    assert (told["total"], told["states"]["unserved"], told["states"]["disabled"]) == (1, 2, 1)


def test_hosts_are_asked_for_numbers_only_while_somebody_looks(plant: Plant) -> None:
    assert not asked_at(plant, 1.0)
    plant.ask(1.0)
    assert asked_at(plant, 1.5)
    assert not asked_at(plant, 1.6)
    assert asked_at(plant, 2.6)
    assert not asked_at(plant, 1.1 + COUNT_WHILE)


def asked_at(plant: Plant, now: float) -> bool:
    plant.router.fleet.outbox.clear()
    plant.router.tick(now)
    return any(isinstance(message, Count) for _, message in plant.router.fleet.outbox)


def test_numbers_of_a_host_are_in_its_devices_rows(plant: Plant) -> None:
    plant.counts(1, reads=3, buckets=[1, 2])
    row = next(row for row in plant.ask() if row["id"] == 1)
    assert (row["host"], row["reads"], row["buckets"]) == ("hall", 3, [1, 2])


def test_a_host_tells_nothing_of_devices_that_it_does_not_serve(plant: Plant) -> None:
    plant.router.from_host(b"other", Counts([[1, *[9] * (len(COUNTED) - 1)]]), 0.0)
    assert plant.ask()[0]["reads"] is None


def test_old_numbers_are_never_taken_for_present_ones(plant: Plant) -> None:
    plant.ask(1.0)
    plant.counts(1, reads=3)
    plant.router.tick(2.0 + COUNT_WHILE)
    assert {row["reads"] for row in plant.ask(3.0 + COUNT_WHILE)} == {None}


@pytest.mark.parametrize(("troubled", "shown"), [(None, False), (59.0, True), (61.0, False)])
def test_a_device_that_is_up_and_lately_had_trouble_is_degraded(
    plant: Plant, troubled: float | None, shown: bool
) -> None:
    plant.state(1, State.UP)
    plant.counts(1, troubled=troubled)
    row = next(row for row in plant.ask() if row["id"] == 1)
    assert (row["degraded"], row["state"]) == (shown, "up")
    assert [row["id"] for row in plant.ask(state="degraded")] == ([1] if shown else [])


def test_a_device_that_is_down_is_not_degraded_as_well(plant: Plant) -> None:
    plant.state(1, State.DOWN)
    plant.counts(1, troubled=1.0)
    assert plant.ask(state="degraded") == []


def test_who_knows_the_revision_gets_no_names_again(plant: Plant) -> None:
    told = figures(plant.overview, {"after": 7}, 1.0)
    assert "name" not in told["columns"]
    assert "name" in figures(plant.overview, {"after": 6}, 1.0)["columns"]


@pytest.mark.parametrize("rqargs", [{"order": "x"}, {"state": "x"}, {"match": 1}, {"limit": -1}, {"what": 1}])
def test_wrong_arguments_are_refused(plant: Plant, rqargs: dict[str, Any]) -> None:
    with pytest.raises(PlcmqError, match="bad_args"):
        figures(plant.overview, rqargs, 1.0)


def test_profiles_tell_what_their_devices_can_do(plant: Plant) -> None:
    told = profiles(plant.overview, {}, 1.0)
    assert (told["total"], told["revision"]) == (1, 7)
    (press,) = told["profiles"]
    assert (press["name"], press["devices"], press["description"]) == ("press", 4, "A press")
    assert profiles(plant.overview, {"match": "furnace"}, 1.0)["profiles"] == []
