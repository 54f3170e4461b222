"""The doctor finds out what simulated PLCs with faults can take, over one connection at a time."""

import pytest
from plcmq.devices.doctor import checks as doctor
from plcmq.devices.doctor.checks import Doctor, Verdict, probe_of, readings
from plcmq.devices.doctor.direct import DirectLine
from plcmq.devices.model.devices import DeviceDefinition, LinkSettings, Profile
from plcmq.devices.model.tags import Order, Table, Tag, Type
from plcmq.devices.simulator.faults.gateway import DeadUnit
from plcmq.devices.simulator.faults.pace import InFlight, MinGap, WarmUp
from plcmq.devices.simulator.faults.register_map import Hole, MaxRegisters, NoFunction
from plcmq.devices.simulator.plc import SimulatedPlc

LEVEL = Tag("level", Table.HOLDING, 10, Type.UINT32, word_order=Order.LITTLE)
PROFILE = Profile("tank", {"level": LEVEL})
QUICK = LinkSettings(timeout=0.15)


@pytest.fixture
async def plc():
    async with SimulatedPlc() as plc:
        yield plc
        assert plc.evidence.sockets.peak <= 1
        assert plc.evidence.writes == 0


async def examine(plc, *, tag=None, port=None, host=None):
    """The diagnosis, and the verdict of each check."""
    device = DeviceDefinition(1, "tank-1", host or plc.host, "tank", port or plc.port, link=QUICK)
    told = []
    async with DirectLine(device) as line:
        found = await Doctor(device, probe_of(PROFILE, tag), line, told.append).examine()
    assert told == found.findings
    return found, {finding.check: str(finding.verdict) for finding in found.findings}


async def test_a_healthy_device_needs_no_settings(plc):
    found, verdicts = await examine(plc)
    assert set(verdicts.values()) <= {"ok", "warn"}
    assert found.link.keys() <= {"functions"}
    assert verdicts["limits"] == verdicts["latency"] == verdicts["spacing"] == "ok"


@pytest.mark.parametrize("most", [1, 2, 32, 60, 64, 124])
async def test_the_longest_read_is_found(plc, most):
    with plc.fault(MaxRegisters(registers=most)):
        found, _ = await examine(plc)
    if most >= 2:  # the tag has two registers
        assert found.link["max_registers"] == most


async def test_the_end_of_the_map_is_not_taken_for_a_limit(plc):
    with plc.fault(Hole(table=Table.HOLDING, address=40, count=100)):
        found, verdicts = await examine(plc)
    assert "max_registers" not in found.link
    assert "holding:40 is not readable" in next(f.text for f in found.findings if f.check == "limits")
    assert verdicts["limits"] == "ok"


async def test_the_pause_that_a_device_wants_is_found(plc):
    with plc.fault(MinGap(seconds=0.04)):
        found, verdicts = await examine(plc)
    assert found.link["request_gap"] == 0.05
    assert verdicts["spacing"] == "warn"
    assert verdicts["latency"] == "ok"


async def test_the_time_that_a_device_wants_after_connecting_is_found(plc, monkeypatch):
    monkeypatch.setattr(doctor, "DELAYS", (0.01, 0.7))
    with plc.fault(WarmUp(ready_after=0.5)):
        found, verdicts = await examine(plc)
    assert found.link["connect_delay"] == 0.7
    assert verdicts["warm-up"] == "warn"


@pytest.mark.parametrize("code", [None, 11])
async def test_a_dead_unit_is_a_failure_and_the_end(plc, code, monkeypatch):
    monkeypatch.setattr(doctor, "DELAYS", (0.01,))
    with plc.fault(DeadUnit(units=frozenset({1}), block=0.01, code=code)):
        found, verdicts = await examine(plc)
    assert not found.is_good
    assert list(verdicts.items())[-1] == ("unit", "fail")


async def test_a_refused_connection_is_a_failure(plc):
    await plc.unplug()
    found, verdicts = await examine(plc)
    assert not found.is_good
    assert list(verdicts) == ["name", "tcp"]
    assert "refused" in found.findings[-1].text


async def test_an_unknown_name_is_a_failure(plc):
    _, verdicts = await examine(plc, host="no-such-host.invalid")
    assert verdicts == {"name": "fail"}


async def test_a_device_without_identification_gets_a_list_of_functions(plc):
    with plc.fault(NoFunction(functions=frozenset({43}))):
        found, verdicts = await examine(plc)
    assert 43 not in found.link["functions"]
    assert verdicts["identity"] == "warn"


async def test_a_preset_whose_settings_were_found_is_named(plc):
    with plc.fault(MaxRegisters(registers=60)):
        found, _ = await examine(plc)
    assert found.preset == "eastron-sdm"


async def test_a_tag_is_shown_in_all_four_orders(plc):
    plc.unit.holding[10:12] = [0x0102, 0x0304]
    found, _ = await examine(plc, tag="level")
    texts = {f.check: f.text for f in found.findings if f.check.startswith("value")}
    assert list(texts) == ["value ABCD", "value CDAB", "value BADC", "value DCBA"]
    assert texts["value ABCD"] == f"level = {0x01020304}"
    assert texts["value CDAB"] == f"level = {0x03040102} <- as the profile has it"
    assert texts["value BADC"] == f"level = {0x02010403}"
    assert texts["value DCBA"] == f"level = {0x04030201}"


def test_bits_have_no_order():
    door = Tag("door", Table.DISCRETE, 0, Type.BOOL)
    assert readings(door, b"\x01") == [("as it is", "True", True)]


def test_a_profile_without_registers_is_probed_at_its_beginning():
    assert probe_of(Profile("bare", {}), None).table is Table.HOLDING
    with pytest.raises(KeyError):
        probe_of(Profile("bare", {}), "level")


def test_verdicts_are_words():
    assert [str(verdict) for verdict in Verdict] == ["ok", "warn", "fail"]


async def test_a_device_that_answers_several_requests_at_once_is_found_out(plc):
    found, _ = await examine(plc)
    assert "8 requests at once" in next(f.text for f in found.findings if f.check == "window")
    assert "window" not in found.link, "that is for people to choose"


async def test_a_device_that_drops_what_is_too_much_at_once_keeps_one_at_a_time(plc):
    with plc.fault(InFlight(limit=1)):
        found, _ = await examine(plc)
    assert "one request at a time" in next(f.text for f in found.findings if f.check == "window")
