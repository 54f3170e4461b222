"""The simulated PLC on the wire, on both event loops: an exact PLC, and an exact witness."""

import asyncio
import shutil
import socket
import struct

import pytest
from plcmq.devices.simulator.faults.base import Close
from plcmq.devices.simulator.plc import SimulatedPlc
from pymodbus.client import AsyncModbusTcpClient

READ = "03 0000 0002"


async def test_a_request_is_answered(plc, master):
    plc.unit.holding[0:2] = [15, 3]
    assert await master.ask(READ) == "0304000f0003"


async def test_pipelined_requests_are_answered_in_order(plc, master):
    plc.unit.holding[0:50] = list(range(50))
    sent = [master.send(struct.pack(">BHH", 3, i, 1)) for i in range(50)]
    replies = [await master.receive() for _ in sent]
    assert [reply[0] for reply in replies] == sent
    assert [int(reply[2][4:], 16) for reply in replies] == list(range(50))
    assert plc.evidence.outstanding_peak > 1


async def test_a_request_may_come_in_pieces(plc, master):
    for byte in bytes.fromhex("0009 0000 0006 01 03 0000 0001"):
        master.writer.write(bytes((byte,)))
        await master.writer.drain()
        await asyncio.sleep(0)
    assert await master.receive() == (9, 1, "03020000")


async def test_several_units_have_memories_of_their_own(plc, master):
    plc.add_unit(2).holding[0] = 22
    plc.unit.holding[0] = 11
    assert await master.ask("03 0000 0001", unit=1) == "0302000b"
    assert await master.ask("03 0000 0001", unit=2) == "03020016"


async def test_a_unit_that_is_not_there_is_a_gateway_exception(plc, master):
    assert await master.ask(READ, unit=9) == "830b"
    assert plc.evidence.exceptions == {11: 1}


async def test_a_missing_unit_may_be_silence(plc, master):
    plc.endpoint.unit_missing = None
    master.send(READ, unit=9)
    assert await master.ask(READ) == "030400000000"


async def test_a_plc_may_take_any_unit(plc, master):
    plc.endpoint.any_unit = True
    assert await master.ask(READ, unit=255) == "030400000000"


async def test_what_is_no_modbus_ends_the_connection(plc, master):
    master.send(READ)
    master.writer.write(bytes.fromhex("0009 1234 0006 01 03 0000 0001"))
    assert len(await master.rest()) == 13, "the good request before it is answered"
    assert plc.evidence.framing_errors == 1


async def test_a_fin_is_a_fin(plc, master):
    await master.ask(READ)
    await master.close()
    await plc.evidence.wait_until(lambda e: e.sockets.open == 0)
    assert plc.evidence.sockets.closed == {"fin": 1, "rst": 0, "server": 0}


async def test_a_reset_is_a_reset(plc, master):
    await master.ask(READ)
    master.reset()
    await plc.evidence.wait_until(lambda e: e.sockets.open == 0)
    assert plc.evidence.sockets.closed == {"fin": 0, "rst": 1, "server": 0}


async def test_a_fin_right_behind_a_request_is_a_fin(plc):
    with socket.create_connection((plc.host, plc.port)) as connected:  # gone before the reply comes
        connected.sendall(bytes.fromhex("0001 0000 0006 01 03 0000 0002"))
    await plc.evidence.wait_until(lambda e: e.sockets.opened == 1 and e.sockets.open == 0)
    assert plc.evidence.sockets.closed["rst"] == 0
    assert plc.evidence.requests == 1


async def test_stopping_closes_with_fin(join):
    async with SimulatedPlc() as plc:
        master = await join(plc)
        await master.ask(READ)
    assert await master.rest() == b""
    assert plc.evidence.sockets.closed == {"fin": 0, "rst": 0, "server": 1}


async def test_sockets_are_counted(plc, join):
    masters = [await join(plc) for _ in range(5)]
    for master in masters:
        await master.ask(READ)
    await masters[0].close()
    await plc.evidence.wait_until(lambda e: e.sockets.open == 4)
    sockets = plc.evidence.sockets
    assert (sockets.opened, sockets.peak, sockets.open) == (5, 5, 4)


async def test_requests_and_writes_are_counted(plc, master):
    await master.ask(READ)
    await master.ask("06 0007 0001")
    await master.ask("06 ffff 0001")
    await master.ask("06 0007 0002")
    plc.unit.size = 10
    assert await master.ask("06 0010 0002") == "8602"
    snapshot = plc.evidence.snapshot()
    assert snapshot["functions"] == {"3": 1, "6": 4}
    assert (snapshot["requests"], snapshot["reads"], snapshot["writes"]) == (5, 1, 3)
    assert snapshot["written"] == {"1/holding:7": 2, "1/holding:65535": 1}
    assert snapshot["exceptions"] == {"2": 1}


async def test_the_shortest_gap_is_seen(plc, master):
    await master.ask(READ)
    assert plc.evidence.shortest_gap is None
    await asyncio.sleep(0.03)
    await master.ask(READ)
    assert plc.evidence.shortest_gap >= 0.02


async def test_a_transaction_id_used_again_is_seen(plc, master):
    for transaction in (1, 1, 2):
        master.send(READ, transaction=transaction)
        await master.receive()
    assert plc.evidence.repeated_transactions == 1


async def test_unplugged_it_refuses_and_resets_and_comes_back_on_the_same_port(plc, master, join):
    await master.ask(READ)
    port = plc.port
    await plc.unplug()
    with pytest.raises(ConnectionResetError):
        await master.rest()
    with pytest.raises(ConnectionRefusedError):
        await join(plc)
    await plc.plug_in()
    assert plc.port == port
    assert await (await join(plc)).ask(READ) == "030400000000"
    assert plc.evidence.sockets.closed["server"] == 1


async def test_unplugged_politely_it_sends_fin(plc, master):
    await master.ask(READ)
    await plc.unplug(Close.FIN)
    assert await master.rest() == b""


async def test_a_port_in_use_is_an_error(plc):
    with pytest.raises(OSError, match="in use"):
        SimulatedPlc(port=plc.port).start()


async def test_pymodbus_reads_and_writes_everything(plc):
    async with AsyncModbusTcpClient("127.0.0.1", port=plc.port, retries=0, reconnect_delay=0) as client:
        await client.write_registers(5, [1, 2, 3])
        await client.write_coil(5, True)
        await client.mask_write_register(address=5, and_mask=0, or_mask=0xAAAA)
        assert (await client.read_holding_registers(5, count=3)).registers == [0xAAAA, 2, 3]
        assert (await client.read_coils(0, count=6)).bits[:6] == [False] * 5 + [True]
        both = await client.readwrite_registers(read_address=5, read_count=2, write_address=6, values=[9])
        assert both.registers == [0xAAAA, 9]
        assert (await client.read_device_information()).information[0] == b"plcmq"


@pytest.mark.skipif(shutil.which("mbpoll") is None, reason="mbpoll is not installed")
async def test_mbpoll_reads_what_is_there(plc):
    plc.unit.holding[0:2] = [15, 3]
    process = await asyncio.create_subprocess_exec(
        "mbpoll", "-1", "-0", "-r", "0", "-c", "2", "-p", str(plc.port), "127.0.0.1", stdout=-1, stderr=-1
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert [line.split() for line in out.decode().splitlines() if line.startswith("[")] == [
        ["[0]:", "15"],
        ["[1]:", "3"],
    ]
