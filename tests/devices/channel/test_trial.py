"""The trial of several requests at once, and what reading gains by it, on real sockets."""

import asyncio

import pytest
from plcmq.devices.model.devices import Endpoint
from plcmq.devices.model.tags import Table, Tag, Type
from plcmq.devices.simulator.faults.pace import Delay, InFlight, Overflow
from plcmq.devices.simulator.plc import SimulatedPlc
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

WINDOW = 4
FAR = {f"t{i}": Tag(f"t{i}", Table.HOLDING, 100 * i, Type.UINT16) for i in range(2 * WINDOW)}  # a span each


@pytest.fixture
async def overlapping():
    """A PLC that works on the requests of a connection side by side."""
    async with SimulatedPlc() as plc:
        plc.add(Delay(seconds=0.02, overlap=True))
        for i in range(2 * WINDOW):
            plc.unit.holding[100 * i] = i + 1
        yield plc


def window(bench):
    return bench.channel.status()["window"]


async def tried(bench):
    """Reads until the trial has ended."""
    async with asyncio.timeout(10):
        while window(bench).get("reason", "").startswith("not tried"):
            await bench.result(bench.read("t1"))


async def values(bench):
    return (await bench.result(bench.read(*FAR)))["values"]


async def test_a_round_of_several_spans_is_asked_for_at_once_up_to_the_window(start_bench, overlapping):
    bench = await start_bench(plc=overlapping, tags=FAR, window=WINDOW)
    await tried(bench)
    assert window(bench) == {"wanted": WINDOW, "used": WINDOW}
    evidence = overlapping.evidence
    evidence.outstanding_peak = 0
    before = evidence.requests
    assert await values(bench) == {f"t{i}": i + 1 for i in range(2 * WINDOW)}
    assert evidence.outstanding_peak == WINDOW
    assert evidence.requests - before == 2 * WINDOW


async def test_without_a_window_one_request_is_in_flight_and_nothing_is_tried(start_bench, overlapping):
    bench = await start_bench(plc=overlapping, tags=FAR)
    await values(bench)
    assert overlapping.evidence.outstanding_peak == 1
    assert overlapping.evidence.requests == 2 * WINDOW


@pytest.mark.parametrize("overflow", list(Overflow))
async def test_a_device_that_holds_fewer_is_asked_one_at_a_time(start_bench, overlapping, overflow, caplog):
    overlapping.add(InFlight(limit=2, overflow=overflow))
    bench = await start_bench(plc=overlapping, tags=FAR, window=WINDOW, timeout=0.2)
    await tried(bench)
    assert window(bench)["used"] == 1
    assert "at once" in window(bench)["reason"]
    assert "window 4 is not used" in caplog.text
    overlapping.evidence.outstanding_peak = 0
    assert await values(bench) == {f"t{i}": i + 1 for i in range(2 * WINDOW)}
    assert overlapping.evidence.outstanding_peak == 1
    assert overlapping.evidence.sockets.peak == 1


async def test_a_device_that_cannot_is_not_tried_again_on_the_next_connection(start_bench, overlapping):
    fault = InFlight(limit=2, overflow=Overflow.BUSY)
    overlapping.add(fault)
    bench = await start_bench(plc=overlapping, tags=FAR, window=WINDOW)
    await tried(bench)
    overlapping.remove(fault)
    overlapping.evidence.outstanding_peak = 0
    bench.channel._upkeep.replace("test")
    for _ in range(3):
        await values(bench)
    assert overlapping.evidence.sockets.opened == 2
    assert overlapping.evidence.outstanding_peak == 1


async def test_the_next_connection_of_one_that_can_is_tried_anew(start_bench, overlapping):
    bench = await start_bench(plc=overlapping, tags=FAR, window=WINDOW)
    await tried(bench)
    bench.channel._upkeep.replace("test")
    await values(bench)
    await tried(bench)
    assert window(bench)["used"] == WINDOW
    assert overlapping.evidence.sockets.opened == 2


class PymodbusServer:
    """What the bench needs to know of a PLC."""

    def __init__(self, port):
        self.host, self.port = "127.0.0.1", port
        self.address = Endpoint(self.host, port)


@pytest.fixture
async def pymodbus_plc():
    """pymodbus's own server, 10 ms a request; it answers several at once with each other's values."""

    async def work(*_request):
        await asyncio.sleep(0.01)
        return

    registers = [address & 0xFFFF for address in range(1000)]
    data = SimData(0, values=registers, datatype=DataType.REGISTERS)
    server = ModbusTcpServer(SimDevice(id=0, simdata=[data], action=work), address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    yield server
    await server.shutdown()


async def test_pymodbus_own_server_mixes_up_requests_and_so_gets_one_at_a_time(start_bench, pymodbus_plc):
    ports = [socket.getsockname()[1] for socket in pymodbus_plc.transport.sockets]
    bench = await start_bench(plc=PymodbusServer(ports[0]), tags=FAR, window=WINDOW, timeout=0.3)
    for _ in range(10):
        assert await values(bench) == {f"t{i}": 100 * i for i in range(2 * WINDOW)}
    await tried(bench)
    assert window(bench)["used"] == 1
    assert "at once" in window(bench)["reason"]
    assert await values(bench) == {f"t{i}": 100 * i for i in range(2 * WINDOW)}
