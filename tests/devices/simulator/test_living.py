"""Tags that live by themselves."""

from plcmq.devices.model.devices import Profile
from plcmq.devices.model.tags import Access, Table, Tag, Type
from plcmq.devices.simulator.plant import Pace, Plant
from plcmq.devices.simulator.registers.memory import Unit


def living(*tags):
    """A plant with these tags, five minutes later, and all values that each of them had."""
    plant = Plant(Profile("p", {tag.name: tag for tag in tags}), Unit(), Pace(tick=0.25), seed=3)
    plant.begin(0.0)
    seen = {tag.name: [] for tag in tags}
    while (at := plant.due()) <= 300.0:
        plant.advance(at)
        for name, values in seen.items():
            values.append(plant.get(name))
    return plant, seen


def test_a_measurement_moves_within_its_limits():
    tag = Tag("pressure", Table.INPUT, 0, Type.UINT16, scale=0.1, min=0, max=10)
    _, seen = living(tag)
    assert len(set(seen["pressure"])) > 10
    assert 0 <= min(seen["pressure"]) < max(seen["pressure"]) <= 10


def test_a_narrow_raw_range_is_never_left():
    _, seen = living(Tag("level", Table.INPUT, 0, Type.INT16, scale=0.0001))
    assert max(seen["level"]) <= 3.2767


def test_a_measurement_follows_its_set_point():
    tags = [
        Tag("temperature", Table.INPUT, 0, Type.FLOAT32),
        Tag("temperature_setpoint", Table.HOLDING, 0, Type.FLOAT32, Access.RW),
    ]
    plant, _ = living(*tags)
    plant.set("temperature_setpoint", 80.0)
    for _ in range(200):
        plant.advance(plant.due())
    assert abs(plant.get("temperature") - 80) < 2


def test_counters_count_and_hearts_beat():
    _, seen = living(
        Tag("part_count", Table.HOLDING, 0, Type.UINT16),
        Tag("heartbeat", Table.DISCRETE, 0, Type.BOOL),
    )
    assert seen["part_count"] == sorted(seen["part_count"])
    assert seen["part_count"][-1] > 100
    assert seen["heartbeat"][:4] == [False, True, False, True], "the first beat was at the start"


def test_a_counter_begins_anew_at_its_end():
    plant, _ = living(Tag("total", Table.HOLDING, 0, Type.BCD16))
    plant.unit.holding[0] = 0x9999
    for _ in range(20):
        plant.advance(plant.due())
    assert plant.get("total") < 100


def test_what_looks_like_an_error_or_a_state_stays():
    tags = [
        Tag("error_count", Table.HOLDING, 0, Type.UINT16),
        Tag("state", Table.HOLDING, 1, Type.UINT16, enum={0: "idle"}),
        Tag("code", Table.HOLDING, 2, Type.UINT16),
        Tag("speed", Table.HOLDING, 3, Type.FLOAT32, Access.RW),
    ]
    plant = Plant(Profile("p", {tag.name: tag for tag in tags}), Unit(), Pace(tick=0.25))
    plant.begin(0.0)
    assert plant.due() is None


def test_a_tag_that_is_set_stays_there():
    plant, _ = living(Tag("temperature", Table.INPUT, 0, Type.INT16, scale=0.1))
    plant.set("temperature", 99.5)
    for _ in range(10):
        plant.advance(plant.due())
    assert plant.get("temperature") == 99.5


def test_nothing_lives_unless_it_is_asked_for():
    tag = Tag("temperature", Table.INPUT, 0, Type.INT16, scale=0.1)
    plant = Plant(Profile("p", {"temperature": tag}), Unit())
    plant.begin(0.0)
    assert plant.due() is None
