"""The living side of a unit, in simulated time."""

import pytest
from plcmq.client.protocol.errors import Rejected
from plcmq.devices.model.actions import Action, ArgRef, Check, Pulse, Wait, Write
from plcmq.devices.model.devices import Profile
from plcmq.devices.model.tags import Access, Table, Tag, Type
from plcmq.devices.simulator.plant import Pace, Plant
from plcmq.devices.simulator.registers.memory import Unit

PACE = Pace(reaction=0.1, batch=2.0)


@pytest.fixture
def plant(press):
    return Plant(press, Unit(), PACE)


def write(plant, name, value, now):
    """What a master's write does."""
    tag = plant.profile.tags[name]
    data = bytes((bool(value),)) if tag.table.is_bits else int(value).to_bytes(2)
    plant.written(plant.unit.store(tag.table, tag.address, data), now)


def run(plant, until):
    """Lets simulated time pass."""
    while (at := plant.due()) is not None and at <= until:
        plant.advance(at)


def values(plant):
    return tuple(plant.get(name) for name in ("running", "state", "batch_no"))


def test_a_press_runs_a_batch_and_comes_to_rest(plant):
    assert values(plant) == (False, "idle", 0)
    write(plant, "start", True, 10.0)
    assert plant.due() == 10.1, "it needs its time to react"
    run(plant, 10.1)
    write(plant, "start", False, 10.2)
    assert values(plant) == (True, "running", 1)
    run(plant, 12.0)
    assert values(plant) == (True, "running", 1)
    run(plant, 12.2)
    assert values(plant) == (False, "idle", 1)
    assert plant.due() is None


def test_it_can_run_again(plant):
    for now, number in ((0.0, 1), (10.0, 2)):
        write(plant, "start", True, now)
        write(plant, "start", False, now)
        run(plant, now + 5)
        assert values(plant) == (False, "idle", number)


def test_a_start_while_it_runs_means_nothing(plant):
    write(plant, "start", True, 0.0)
    run(plant, 0.1)
    write(plant, "start", False, 0.2)
    write(plant, "start", True, 0.3)
    run(plant, 10.0)
    assert values(plant) == (False, "idle", 1)


def test_a_start_needs_an_edge(plant):
    write(plant, "start", True, 0.0)
    run(plant, 5.0)
    write(plant, "start", True, 6.0)
    assert plant.due() is None


def test_a_write_beside_the_trigger_means_nothing(plant):
    write(plant, "batch_size", 5, 0.0)
    assert plant.due() is None


def test_errors_never_come_by_themselves(plant):
    write(plant, "start", True, 0.0)
    run(plant, 10.0)
    assert (plant.get("error_code"), plant.get("door_open")) == (0, False)


def test_tags_can_be_set_from_the_plc_side(plant):
    plant.set("state", "fault")
    plant.set("door_open", True)
    plant.set("temperature", 21.5)
    assert (plant.get("state"), plant.get("door_open"), plant.get("temperature")) == ("fault", True, 21.5)
    assert plant.unit.holding[13] == 8
    with pytest.raises(Rejected):
        plant.set("batch_size", 0)


def test_an_echo_copies_what_was_written_each_time():
    tags = {
        "seq": Tag("seq", Table.HOLDING, 0, Type.UINT16, Access.RW),
        "echo": Tag("echo", Table.HOLDING, 1, Type.UINT16),
    }
    steps = (Write({"seq": ArgRef("n")}), Wait({"echo": ArgRef("n")}))
    plant = Plant(Profile("p", tags, {"go": Action("go", steps=steps)}), Unit(), PACE)
    for now, number in ((0.0, 7), (0.5, 8)):
        write(plant, "seq", number, now)
        run(plant, now + 0.1)
        assert plant.get("echo") == number


@pytest.mark.parametrize("command", ["start", 1])
def test_a_trigger_may_be_a_name_or_its_number(command):
    tags = {
        "command": Tag("command", Table.HOLDING, 0, Type.UINT16, Access.RW, enum={0: "none", 1: "start"}),
        "on": Tag("on", Table.DISCRETE, 0, Type.BOOL),
    }
    steps = (Write({"command": command}), Wait({"on": True}))
    plant = Plant(Profile("p", tags, {"go": Action("go", steps=steps)}), Unit(), PACE)
    write(plant, "command", 1, 0.0)
    run(plant, 0.1)
    assert plant.get("on") is True


def test_a_trigger_of_nonsense_means_nothing():
    tags = {
        "go": Tag("go", Table.HOLDING, 0, Type.BCD16, Access.RW),
        "on": Tag("on", Table.DISCRETE, 0, Type.BOOL),
    }
    steps = (Write({"go": 1}), Wait({"on": True}))
    plant = Plant(Profile("p", tags, {"go": Action("go", steps=steps)}), Unit(), PACE)
    write(plant, "go", 0xFFFF, 0.0)
    assert plant.due() is None


def test_what_a_tag_cannot_hold_it_never_gets():
    tags = {"go": Tag("go", Table.COIL, 0, Type.BOOL), "n": Tag("n", Table.HOLDING, 0, Type.UINT16)}
    steps = (Check({"n": -1}), Pulse("go"), Wait({"n": 70000}))
    plant = Plant(Profile("p", tags, {"go": Action("go", steps=steps)}), Unit(), PACE)
    write(plant, "go", True, 0.0)
    run(plant, 10.0)
    assert plant.get("n") == 0


def test_stopping_ends_a_running_batch():
    tags = {
        name: Tag(name, table, i, Type.BOOL, Access.RW if table is Table.COIL else Access.RO)
        for i, (name, table) in enumerate(
            {"start": Table.COIL, "stop": Table.COIL, "running": Table.DISCRETE}.items()
        )
    }
    actions = {
        "start": Action("start", steps=(Check({"running": False}), Pulse("start"), Wait({"running": True}))),
        "stop": Action("stop", steps=(Check({"running": True}), Pulse("stop"), Wait({"running": False}))),
    }
    plant = Plant(Profile("p", tags, actions), Unit(), PACE)
    write(plant, "start", True, 0.0)
    run(plant, 0.5)
    assert plant.get("running") is True
    write(plant, "stop", True, 1.0)
    run(plant, 1.1)
    assert plant.get("running") is False
    run(plant, 10.0)
    assert plant.get("running") is False
