"""The profiles of the library: sound, sourced, and at work against their simulated twins."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from plcmq.client.protocol.errors import Code, Outcome
from plcmq.devices.model.tags import Table
from plcmq.devices.simulator.plant import Pace
from plcmq.devices.simulator.plc import SimulatedPlc
from plcmq.devices.site.compile import compile_profile
from plcmq.devices.site.definitions.presets import PRESETS
from plcmq.devices.site.library import library

LIBRARY = library()
PROFILES = {name: compile_profile(name, entry.form) for name, entry in LIBRARY.items()}
STEADY = Pace(reaction=0.01, batch=1000.0)  # what an action has reached stays


@pytest.fixture
async def twin(start_bench):
    """A worker for a library profile, in front of the simulated PLC of the same profile."""
    plcs = []

    async def start(name):
        profile = PROFILES[name]
        plcs.append(await SimulatedPlc(profile, pace=STEADY).__aenter__())
        return await start_bench(*profile.actions.values(), plc=plcs[-1], tags=dict(profile.tags))

    yield start
    for plc in plcs:
        await plc.stop()


def test_the_issue_s_profiles_are_there() -> None:
    assert PROFILES.keys() == {
        "batch-press",
        "energy-meter",
        "energy-meter-cdab",
        "packml",
        "sunspec-common",
        "wago-io",
    }


@pytest.mark.parametrize("name", LIBRARY)
def test_every_profile_names_its_source_and_can_be_pasted(name: str) -> None:
    entry = LIBRARY[name]
    assert any(word in entry.description for word in ("Source:", "ISA-TR88", "SEW-EURODRIVE", "protocol"))
    assert entry.text.startswith(f"profiles:\n  {name}:\n")


def test_no_preset_has_the_name_of_a_profile() -> None:
    assert not LIBRARY.keys() & PRESETS.keys()


def test_packml_has_the_numbers_of_tr88() -> None:
    states = PROFILES["packml"].tags["state_current"].enum
    commands = PROFILES["packml"].tags["cntrl_cmd"].enum
    assert states is not None
    assert commands is not None
    assert [states[n] for n in (2, 4, 6, 9, 11, 17)] == [
        "stopped", "idle", "execute", "aborted", "held", "complete",
    ]  # fmt: skip
    assert [commands[n] for n in range(1, 10)] == [
        "reset", "start", "stop", "hold", "unhold", "suspend", "unsuspend", "abort", "clear",
    ]  # fmt: skip


async def test_packml_goes_through_its_states(twin) -> None:
    bench = await twin("packml")
    ways = [
        ("start", "execute"),
        ("hold", "held"),
        ("unhold", "execute"),
        ("suspend", "suspended"),
        ("unsuspend", "execute"),
        ("complete", "complete"),
        ("reset", "idle"),
        ("start", "execute"),
        ("stop", "stopped"),
        ("abort", "aborted"),
        ("clear", "stopped"),
        ("reset", "idle"),
    ]
    for action, state in ways:
        result = await bench.result(bench.submit(action))
        assert result["state_current"] == state, action
        assert not bench.plc.get("cmd_change_request"), "taken back"


@pytest.mark.parametrize("stop", ["stop", "abort"])
@pytest.mark.parametrize("action", ["start", "hold", "complete", "reset"])
async def test_packml_stops_during_every_wait(start_bench, action, stop) -> None:
    """The machine takes so long that the first action still waits."""
    profile = PROFILES["packml"]
    async with SimulatedPlc(profile, pace=Pace(reaction=60.0)) as plc:
        bench = await start_bench(*profile.actions.values(), plc=plc, tags=dict(profile.tags))
        plc.set("state_current", "execute" if action in ("hold", "complete") else "idle")
        first = bench.submit(action, timeout=60)
        await plc.evidence.wait_until(lambda evidence: evidence.writes == 2)
        stopping = bench.submit(stop, timeout=60)
        assert (await bench.error(first)).code == Code.CANCELLED
        await plc.evidence.wait_until(lambda evidence: evidence.writes == 5)
        assert plc.get("cntrl_cmd") == stop
        bench.submit("cancel", {"job": 2})
        await bench.error(stopping)


async def test_packml_refuses_a_command_in_the_wrong_state(twin) -> None:
    bench = await twin("packml")
    error = await bench.error(bench.submit("hold"))
    assert (error.code, error.outcome) == (Code.ACTION_FAILED, Outcome.NOT_EXECUTED)
    assert bench.plc.evidence.writes == 0


async def test_packml_changes_its_mode(twin) -> None:
    bench = await twin("packml")
    for mode in ("manual", "production"):
        result = await bench.result(bench.submit("change_mode", {"mode": mode}))
        assert result == {"unit_mode_current": mode}


async def test_the_batch_press_makes_batches(twin) -> None:
    bench = await twin("batch-press")
    force = await bench.result(bench.submit("load_recipe", {"recipe": "Blech 3 mm", "force": 800.5}))
    assert force == {"force": 800.5, "recipe": "Blech 3 mm"}
    batch = await bench.result(bench.submit("start_batch", {"batch_size": 20}))
    assert batch == {"batch_no": 1, "state": "running"}
    assert list(bench.plc.unit.holding[0:2]) == [20, 3]
    stopped = await bench.result(bench.submit("stop_batch"))
    assert stopped.keys() == {"ok_count", "nok_count"}


@pytest.mark.parametrize(("name", "order"), [("energy-meter", "ABCD"), ("energy-meter-cdab", "CDAB")])
async def test_the_energy_meters_read_floats_in_both_word_orders(twin, name: str, order: str) -> None:
    bench = await twin(name)
    high, low = struct.pack(">f", 49.98)[:2], struct.pack(">f", 49.98)[2:]
    bench.plc.unit.store(Table.INPUT, 70, high + low if order == "ABCD" else low + high)
    result = await bench.result(bench.read("frequency"))
    assert result["values"]["frequency"] == pytest.approx(49.98, abs=1e-4)


async def test_the_sunspec_nameplate_is_read_where_there_is_a_sunspec_map(twin) -> None:
    bench = await twin("sunspec-common")
    for tag, value in {
        "sunspec_id": 0x53756E53,
        "model_id": 1,
        "manufacturer": "Fronius",
        "model": "Symo",
        "version": "3.1",
        "serial_number": "29301000987160033",
    }.items():
        bench.plc.set(tag, value)
    assert bench.plc.unit.load(Table.HOLDING, 40000, 2) == b"SunS"
    assert (await bench.result(bench.submit("nameplate")))["manufacturer"] == "Fronius"
    bench.plc.set("sunspec_id", 0)
    assert (await bench.error(bench.submit("nameplate"))).code is Code.ACTION_FAILED


async def test_the_wago_watchdog_is_started_and_stopped(twin) -> None:
    bench = await twin("wago-io")
    started = await bench.result(bench.submit("start_watchdog", {"seconds": 2.5}))
    assert started == {"watchdog_time": 2.5, "watchdog_status": "active"}
    assert list(bench.plc.unit.holding[0x1000:0x1002]) == [25, 0xFFFF]
    assert await bench.result(bench.submit("stop_watchdog")) == {"watchdog_status": "inactive"}


def test_the_documentation_has_every_profile_with_its_actions() -> None:
    guide = (Path(__file__).parents[3] / "docs" / "profiles.md").read_text(encoding="utf-8")
    for name, profile in PROFILES.items():
        [row] = [line for line in guide.splitlines() if line.startswith(f"| `{name}` |")]
        assert row.endswith(f"| {', '.join(f'`{action}`' for action in profile.actions) or 'none'} |")
