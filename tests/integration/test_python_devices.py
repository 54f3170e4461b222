"""One suite over two twins: the press of a site file and the same press in Python, through the whole path."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
from plcmq.client import PlcmqError
from plcmq.devices.model.actions import Action
from plcmq.devices.simulator.faults.silence import Blackhole, ReplyLost
from plcmq.devices.simulator.plant import Pace
from plcmq.devices.site.compile import compile_site
from plcmq.devices.site.load import load_site
from plcmq.devices.site.python_class import resolve_python

EXAMPLES = Path(__file__).parents[2] / "examples"
NEVER = Pace(reaction=1000.0)  # a press that does not start


@pytest.fixture
def python_path(monkeypatch):
    """The example's class can be imported, here and in programs that are started."""
    monkeypatch.syspath_prepend(EXAMPLES / "python_device")
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES / "python_device"))
    yield
    sys.modules.pop("presses", None)


@pytest.fixture(params=["press", "presses:Press"])
def profile(request, python_path):
    return request.param


@pytest.fixture
def start(plant, profile):
    """Defines press-1 with the profile; a client and the simulated press in a `with`."""

    class Started:
        def __init__(self, pace=None, **link):
            self.simulated, self.link = plant.press(1, pace=pace), link

        async def __aenter__(self):
            plc = await self.simulated.__aenter__()
            link = {"timeout": 0.3} | self.link
            await plant.define(1, plc.port, profile=profile, link=link)
            self.serving, self.client = plant.broker(), None
            await self.serving.__aenter__()
            self.connected = plant.client()
            return plc, await self.connected.__aenter__()

        async def __aexit__(self, *error):
            await self.connected.__aexit__(*error)
            await self.serving.__aexit__(*error)
            await self.simulated.__aexit__(*error)

    return Started


async def failure_of(request):
    with pytest.raises(PlcmqError) as caught:
        await request
    return caught.value


def test_the_example_declares_what_its_twin_declares(python_path):
    declared = compile_site(load_site(EXAMPLES / "press" / "site.yaml")).profiles["press"]
    python = resolve_python("presses:Press")
    assert python.tags == declared.tags
    assert python.description == declared.description
    action, twin = python.actions["start_batch"], declared.actions["start_batch"]
    assert (action.args, action.description) == (twin.args, twin.description)
    assert isinstance(action, Action)
    assert action.script is not None
    load_site(EXAMPLES / "python_device" / "site.yaml")


async def test_a_batch_starts_and_returns_what_was_read(start):
    async with start() as (plc, client):
        result = await client.request("start_batch", {"batch_size": 20}, device="press-1")
        assert result == {"batch_no": 1, "state": "running"}
        assert list(plc.unit.holding[0:2]) == [20, 3]
        assert not plc.unit.coils[0]


async def test_describe_tells_the_same(start):
    async with start() as (_plc, client):
        described = await client.request("describe", device="press-1")
        schema = described["actions"]["start_batch"]["schema"]
        assert schema["properties"]["batch_size"] == {
            "type": "integer",
            "minimum": 1,
            "maximum": 500,
            "default": 15,
            "description": "Batch size",
        }
        assert (
            described["actions"]["start_batch"]["description"]
            == "Load the batch parameters and start the press"
        )


async def test_arguments_that_do_not_fit_never_reach_the_device(start):
    async with start() as (plc, client):
        error = await failure_of(client.request("start_batch", {"batch_size": 0}, device="press-1"))
        assert (error.code, error.details["path"]) == ("bad_args", "rqargs.batch_size")
        assert plc.evidence.writes == 0


async def test_a_refused_check_has_written_nothing(start):
    async with start() as (plc, client):
        plc.set("running", True)
        error = await failure_of(client.request("start_batch", device="press-1"))
        assert (error.code, error.outcome) == ("action_failed", "not_executed")
        assert error.details["step"] == {"index": 1, "kind": "check"}
        assert (error.details["tag"], error.details["actual"]) == ("running", True)
        assert plc.evidence.writes == 0


async def test_time_that_runs_out_is_told_with_the_step_and_what_was_done(start):
    async with start(NEVER) as (plc, client):
        error = await failure_of(client.request("start_batch", device="press-1", timeout=0.5))
        assert (error.code, error.outcome) == ("action_failed", "executed")
        assert error.details["step"] == {"index": 4, "kind": "wait"}
        assert error.details["done"] == [{"batch_size": 15}, {"nok_limit": 3}, {"start": True}]
        assert not plc.unit.coils[0]


async def test_a_cancelled_batch_takes_the_trigger_back(start):
    async with start(NEVER) as (plc, client):
        batch = asyncio.create_task(client.request("start_batch", device="press-1", request_id="b"))
        await plc.evidence.wait_until(lambda e: e.writes >= 2)
        assert await client.cancel("b")
        error = await failure_of(batch)
        assert (error.code, error.outcome) == ("cancelled", "executed")
        assert not plc.unit.coils[0]


async def test_a_lost_reply_to_the_trigger_is_an_unknown_outcome(start):
    async with start() as (plc, client):
        with plc.fault(ReplyLost(functions=frozenset({5}))):
            error = await failure_of(client.request("start_batch", device="press-1", timeout=3))
        assert (error.code, error.outcome) == ("outcome_unknown", "unknown")
        assert error.details["step"] == {"index": 3, "kind": "write"}


async def test_a_silent_press_fails_before_anything_is_written(start):
    async with start() as (plc, client):
        await client.read("press-1", "state")
        with plc.fault(Blackhole()):
            error = await failure_of(client.request("start_batch", device="press-1", timeout=2))
        assert error.outcome == "not_executed"
        assert error.retryable


async def test_a_keyed_batch_runs_once(start):
    async with start() as (plc, client):
        for _ in range(3):
            result = await client.request("start_batch", device="press-1", key="order-4711")
            assert result == {"batch_no": 1, "state": "running"}
        assert plc.evidence.rises["press-1.start"] == 1


async def test_a_host_of_its_own_imports_the_class_too(plant, programs, python_path):
    async with plant.press(1) as plc:
        await plant.define(1, plc.port, profile="presses:Press")
        async with plant.broker(in_process_host=False), plant.client() as client:
            await programs("host", "--broker", plant.serving.host_bind, "--name", "north", ready=False)
            async with asyncio.timeout(20):
                while (await client.request("devices"))["devices"][0]["state"] == "unserved":
                    await asyncio.sleep(0.02)
            result = await client.request("start_batch", device="press-1")
            assert result["state"] == "running"
