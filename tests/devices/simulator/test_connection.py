"""One connection of a simulated PLC."""

from plcmq.devices.simulator.evidence import Ending


async def test_requests_that_come_together_are_answered_in_their_order(master):
    sent = [master.send(f"06 0000 {number:04x}") for number in range(5)]
    assert [(await master.receive())[0] for _ in sent] == sent


async def test_a_request_in_pieces_is_answered_once_it_is_whole(plc, master):
    frame = bytes.fromhex("0001 0000 0006 01 03 0000 0001")
    master.writer.write(frame[:5])
    await master.writer.drain()
    assert plc.evidence.requests == 0
    master.writer.write(frame[5:])
    assert await master.receive() == (1, 1, "03020000")


async def test_what_is_no_modbus_ends_the_connection(plc, master):
    master.writer.write(bytes.fromhex("0001 ffff 0006 01 03 0000 0001"))
    assert await master.rest() == b""
    assert plc.evidence.framing_errors == 1


async def test_a_reset_is_told_from_a_fin(plc, join):
    polite, rude = await join(plc), await join(plc)
    await polite.ask("03 0000 0001")
    await rude.ask("03 0000 0001")
    await polite.close()
    rude.reset()
    await plc.evidence.wait_until(lambda evidence: evidence.sockets.open == 0)
    assert (plc.evidence.sockets.closed[Ending.FIN], plc.evidence.sockets.closed[Ending.RST]) == (1, 1)
