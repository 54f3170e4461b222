"""Running a whole site until told to stop: files in, files out, faults on time."""

import asyncio
import json

import pytest
import yaml
from plcmq.devices.model.devices import DeviceDefinition, Endpoint, Site
from plcmq.devices.simulator.faults.script import ScriptError
from plcmq.devices.simulator.run import simulate

SOURCE = """
profiles: {press: {tags: {a: {address: "holding:0", type: uint16}}}}
devices:
  - {id: 1, name: press-1, host: 192.0.2.1, profile: press}
"""


@pytest.fixture
def site(press):
    return Site({"press": press}, (DeviceDefinition(1, "press-1", "192.0.2.1", "press"),))


async def run(site, while_it_runs, **files):
    """Runs the simulation for as long as `while_it_runs` takes, which gets the served address."""
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(simulate(site, ready=ready.set_result, stop=stop, **files))
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    if not task.done():
        try:
            await while_it_runs(ready.result())
        finally:
            stop.set()
    await task


async def nothing(served):
    """Stops at once."""


async def test_it_tells_what_it_serves_and_writes_its_report(site, tmp_path):
    async def one_request(served):
        (place,) = served
        assert (place.original, place.devices) == (Endpoint("192.0.2.1", 502), ("press-1",))
        reader, writer = await asyncio.open_connection(place.address.host, place.address.port)
        writer.write(bytes.fromhex("0001 0000 0006 01 05 0000 ff00"))
        await reader.readexactly(12)
        writer.close()

    await run(site, one_request, report=tmp_path / "report.json")
    ((_, endpoint),) = json.loads((tmp_path / "report.json").read_text())["endpoints"].items()
    assert endpoint["strokes"] == {"press-1.start": 1}
    assert endpoint["sockets"]["open"] == 0


async def test_it_writes_the_site_file_that_points_at_it(site, tmp_path):
    source, written = tmp_path / "site.yaml", tmp_path / "served.yaml"
    source.write_text(SOURCE)

    async def compare(served):
        (device,) = yaml.safe_load(written.read_text())["devices"]
        assert Endpoint(device["host"], device["port"]) == served[0].address
        assert yaml.safe_load(written.read_text())["profiles"] == yaml.safe_load(SOURCE)["profiles"]

    await run(site, compare, source=source, write_site=written)


async def test_faults_come_go_and_come_again(site, tmp_path):
    script = tmp_path / "faults.yaml"
    script.write_text("faults: [{fault: unplug, endpoint: press-1, at: 0.05, for: 0.05, every: 0.15}]")

    async def watch(served):
        seen = [True]
        async with asyncio.timeout(10):
            while len(seen) < 5:
                try:
                    _, writer = await asyncio.open_connection(served[0].address.host, served[0].address.port)
                    writer.close()
                    up = True
                except ConnectionError:
                    up = False
                if up is not seen[-1]:
                    seen.append(up)
                await asyncio.sleep(0.005)
        assert seen == [True, False, True, False, True]

    await run(site, watch, faults=script, report=tmp_path / "report.json")
    ((_, endpoint),) = json.loads((tmp_path / "report.json").read_text())["endpoints"].items()
    assert endpoint["faults"]["unplug"] >= 2


async def test_a_wrong_script_is_told_before_anything_is_served(site, tmp_path):
    script = tmp_path / "faults.yaml"
    script.write_text("faults: [{fault: unplug, endpoint: press-7}]")
    with pytest.raises(ScriptError, match=r"'press-7' is none of 192\.0\.2\.1:502, press-1"):
        await run(site, nothing, faults=script)


async def test_the_report_is_written_when_it_fails_as_well(site, tmp_path):
    def broken(_served):
        raise ValueError("the caller's own fault")

    with pytest.raises(ValueError, match="own fault"):
        await simulate(site, ready=broken, stop=asyncio.Event(), report=tmp_path / "report.json")
    assert (tmp_path / "report.json").exists()
