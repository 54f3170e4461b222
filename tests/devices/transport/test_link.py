"""One connection over a real socket: what is sent once, what counts as an answer, and how it ends."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

import pytest
from plcmq.devices.modbus.errors import BadReply, ExceptionReply, NoReply, NotSent
from plcmq.devices.modbus.pdu import Transaction, read, write_register
from plcmq.devices.model.devices import Endpoint
from plcmq.devices.model.tags import Table
from plcmq.devices.transport.link import Link

MS = 0.001
SHORT = 50 * MS
LONG = 5.0
READ = read(Table.HOLDING, 7, 2)
WRITE = write_register(1, 3)
PAYLOAD = b"\0\7\0\x08"

pytestmark = pytest.mark.timeout(30)


async def opened(plc: Any, **options: Any) -> Link:
    return await Link.open(plc.endpoint, 2.0, **options)


async def silence(_request: Any) -> None:
    return None


async def test_a_request_gets_its_reply(plc: Any) -> None:
    link = await opened(plc)
    assert await link.transact(1, READ, LONG) == PAYLOAD
    assert await link.transact(1, WRITE, LONG) == b""
    await link.close()
    assert [request.pdu for request in plc.requests] == [READ.pdu, WRITE.pdu]


async def test_the_socket_finds_out_about_a_peer_that_has_gone(plc: Any) -> None:
    link = await opened(plc)
    sock = link._transport.get_extra_info("socket")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 15_000
    await link.close()


async def test_replies_find_their_requests_in_any_order(plc: Any) -> None:
    held = []

    async def reversed_order(request: Any) -> bytes | None:
        held.append(request.good())
        return b"".join(reversed(held)) if len(held) == 8 else None

    plc.answer = reversed_order
    link = await opened(plc)
    payloads = await asyncio.gather(*(link.transact(1, read(Table.INPUT, n, 1), LONG) for n in range(8)))
    assert payloads == [n.to_bytes(2) for n in range(8)]
    await link.close()


async def test_a_reply_in_single_bytes_is_put_together(plc: Any) -> None:
    async def slowly(request: Any) -> None:
        for byte in request.good():
            request.writer.write(bytes((byte,)))
            await request.writer.drain()
            await asyncio.sleep(0)

    plc.answer = slowly
    link = await opened(plc)
    assert await link.transact(1, READ, LONG) == PAYLOAD
    await link.close()


async def test_an_exception_reply_is_told_untouched(plc: Any) -> None:
    async def refuse(request: Any) -> bytes:
        return bytes(request.refuse(2))

    plc.answer = refuse
    link = await opened(plc)
    with pytest.raises(ExceptionReply) as caught:
        await link.transact(1, READ, LONG)
    assert (caught.value.function, caught.value.code) == (3, 2)
    assert link.is_open
    await link.close()


@pytest.mark.parametrize(
    ("transaction", "reply"),
    [
        (READ, lambda r: r.frame(b"\4\4\0\1\0\2")),
        (READ, lambda r: r.frame(b"\3\2\0\1")),
        (WRITE, lambda r: r.frame(b"\6\0\2\0\3")),
        (READ, lambda r: r.frame(b"\3\4\0\1\0\2", unit=9)),
    ],
    ids=["function", "length", "echo", "unit"],
)
async def test_a_reply_that_does_not_fit_fails_its_request_only(
    plc: Any, transaction: Transaction, reply: Callable[[Any], bytes]
) -> None:
    async def lie_once(request: Any) -> bytes:
        return bytes(request.good() if len(plc.requests) > 1 else reply(request))

    plc.answer = lie_once
    link = await opened(plc)
    with pytest.raises(BadReply):
        await link.transact(1, transaction, LONG)
    assert await link.transact(1, READ, LONG) == PAYLOAD
    await link.close()


async def test_another_unit_may_answer_where_that_is_allowed(plc: Any) -> None:
    async def as_unit_0(request: Any) -> bytes:
        return bytes(request.frame(b"\3\4" + PAYLOAD, unit=0))

    plc.answer = as_unit_0
    link = await opened(plc, any_unit=True)
    assert await link.transact(1, READ, LONG) == PAYLOAD
    await link.close()


@pytest.mark.parametrize(
    "garbage",
    [
        lambda r: r.frame(b"\3\4" + PAYLOAD, protocol=5),
        lambda r: r.number.to_bytes(2) + bytes.fromhex("0000 FFFF 01"),
        lambda _r: b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
    ids=["protocol id", "length", "another protocol"],
)
async def test_a_framing_error_ends_the_link(plc: Any, garbage: Callable[[Any], bytes]) -> None:
    async def lie(request: Any) -> bytes:
        return garbage(request)

    plc.answer = lie
    lost = asyncio.Event()
    link = await opened(plc, on_lost=lost.set)
    with pytest.raises(NoReply) as caught:
        await link.transact(1, WRITE, LONG)
    assert "the device sent a frame with" in caught.value.reason
    assert not caught.value.timed_out
    assert lost.is_set()
    with pytest.raises(NotSent):
        await link.transact(1, WRITE, LONG)
    await link.close()
    assert len(plc.requests) == 1


async def test_no_answer_in_time_is_a_timeout_and_the_late_answer_is_dropped(plc: Any) -> None:
    async def late_once(request: Any) -> bytes:
        if len(plc.requests) > 1:
            return bytes(plc.requests[0].good() + request.good())
        return b""

    plc.answer = late_once
    link = await opened(plc)
    with pytest.raises(NoReply) as caught:
        await link.transact(1, read(Table.HOLDING, 99, 2), SHORT)
    assert caught.value.timed_out
    assert await link.transact(1, READ, LONG) == PAYLOAD
    assert link.strays == 0
    await link.close()


async def test_an_answer_with_a_foreign_id_is_no_answer(plc: Any) -> None:
    async def always_0(request: Any) -> bytes:
        return bytes(request.frame(b"\3\4" + PAYLOAD, number=0))

    plc.answer = always_0
    link = await opened(plc)
    with pytest.raises(NoReply):
        await link.transact(1, READ, SHORT)
    assert link.strays == 1
    await link.close()


async def test_half_an_answer_in_time_ends_the_link(plc: Any) -> None:
    async def half(request: Any) -> bytes:
        return bytes(request.good()[:9])

    plc.answer = half
    link = await opened(plc)
    with pytest.raises(NoReply, match="only a part"):
        await link.transact(1, READ, SHORT)
    assert not link.is_open
    await link.close()


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
async def test_a_lost_connection_fails_all_that_is_in_flight_at_once(plc: Any, reset: bool) -> None:
    async def hang_up(request: Any) -> None:
        if len(plc.requests) == 3:
            if reset:
                sock = request.writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.writer.transport.abort()

    plc.answer = hang_up
    link = await opened(plc)
    results = await asyncio.gather(*(link.transact(1, WRITE, 60.0) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [NoReply] * 3
    assert not any(result.timed_out for result in results if isinstance(result, NoReply))
    assert len(plc.requests) == 3
    await link.close()


async def test_a_close_without_traffic_is_noticed(plc: Any) -> None:
    plc.welcome = lambda _number: False
    lost = asyncio.Event()
    link = await opened(plc, on_lost=lost.set)
    async with asyncio.timeout(LONG):
        await lost.wait()
    assert link.reason == "the device closed the connection"
    with pytest.raises(NotSent):
        await link.transact(1, WRITE, LONG)
    await link.close()
    assert plc.requests == []


async def test_closing_is_a_fin_and_waits_until_the_socket_is_gone(plc: Any) -> None:
    link = await opened(plc)
    await link.transact(1, READ, LONG)
    await link.close()
    await link.close()
    await plc.until(lambda: plc.open_now == 0)
    assert (plc.fins, plc.resets) == (1, 0)
    with pytest.raises(NotSent, match="being closed"):
        await link.transact(1, READ, LONG)


async def test_a_device_that_keeps_its_side_open_does_not_hold_up_closing(plc: Any) -> None:
    plc.answers_fin = False
    link = await opened(plc)
    await link.close(deadline=SHORT)
    await plc.until(lambda: plc.fins == 1)
    assert link.in_flight == 0


async def test_closing_lets_a_request_in_flight_be_answered(plc: Any) -> None:
    release = asyncio.Event()

    async def later(request: Any) -> bytes:
        await release.wait()
        return bytes(request.good())

    plc.answer = later
    link = await opened(plc)
    reading = asyncio.create_task(link.transact(1, READ, LONG))
    await plc.until(lambda: len(plc.requests) == 1)
    closing = asyncio.create_task(link.close())
    await asyncio.sleep(0)
    release.set()
    assert await reading == PAYLOAD
    await closing


async def test_closing_fails_what_is_never_answered(plc: Any) -> None:
    plc.answer = silence
    plc.answers_fin = False
    link = await opened(plc)
    writing = asyncio.create_task(link.transact(1, WRITE, LONG))
    await plc.until(lambda: len(plc.requests) == 1)
    await link.close(deadline=SHORT)
    with pytest.raises(NoReply):
        await writing


async def test_a_cancelled_caller_leaves_the_link_healthy_and_its_request_in_flight(plc: Any) -> None:
    held = []

    async def hold_first(request: Any) -> bytes:
        held.append(request)
        return b"" if len(held) == 1 else bytes(held[0].good() + request.good())

    plc.answer = hold_first
    settled: list[tuple[int, bool]] = []
    link = await opened(plc, on_settled=lambda unit, answered: settled.append((unit, answered)))
    caller = asyncio.create_task(link.transact(4, WRITE, LONG))
    await plc.until(lambda: len(held) == 1)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert link.abandoned == 1
    assert settled == []
    assert await link.transact(1, READ, LONG) == PAYLOAD
    assert settled == [(4, True)]
    assert (link.abandoned, link.in_flight, link.strays) == (0, 0, 0)
    await link.close()


async def test_an_abandoned_request_ends_with_its_timeout(plc: Any) -> None:
    plc.answer = silence
    done: asyncio.Future[tuple[int, bool]] = asyncio.get_running_loop().create_future()
    link = await opened(plc, on_settled=lambda unit, answered: done.set_result((unit, answered)))
    caller = asyncio.create_task(link.transact(4, WRITE, 2 * SHORT))
    await plc.until(lambda: len(plc.requests) == 1)
    caller.cancel()
    assert await done == (4, False)
    assert link.in_flight == 0
    await link.close()


async def test_ids_in_flight_or_unanswered_are_not_used_again(plc: Any) -> None:
    async def odd_ones(request: Any) -> bytes:
        return b"" if request.number == 0xFFFF else bytes(request.good())

    plc.answer = odd_ones
    link = await opened(plc, first_id=0xFFFF)
    with pytest.raises(NoReply):
        await link.transact(1, READ, SHORT)
    await link.transact(1, READ, LONG)
    link._id = 0xFFFE
    await link.transact(1, READ, LONG)
    assert [request.number for request in plc.requests] == [0xFFFF, 1, 1]
    assert link.next_id == 2
    await link.close()


async def test_a_device_that_reads_nothing_costs_no_memory(plc: Any) -> None:
    link = await opened(plc)
    link.pause_writing()
    with pytest.raises(NotSent, match="takes no more data"):
        await link.transact(1, WRITE, LONG)
    assert link.in_flight == 0
    link.resume_writing()
    assert await link.transact(1, READ, LONG) == PAYLOAD
    await link.close()


async def test_a_refused_connection_says_so(plc: Any) -> None:
    await plc.stop()
    with pytest.raises(NotSent) as caught:
        await opened(plc)
    assert caught.value.reason == f"cannot connect to 127.0.0.1:{plc.port} (refused)"


async def test_an_unknown_host_says_so() -> None:
    with pytest.raises(NotSent, match=r"cannot connect to no\.such\.host\.invalid:502 \(unknown host name\)"):
        await Link.open(Endpoint("no.such.host.invalid", 502), 10.0)


async def test_connecting_has_a_timeout_and_leaves_nothing_behind() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        endpoint = Endpoint(*full.getsockname())
        with (
            socket.create_connection(full.getsockname()),
            pytest.raises(NotSent, match=r"no answer in 0\.05 s"),
        ):
            await Link.open(endpoint, SHORT)


async def test_cancelling_while_connecting_leaves_no_socket(plc: Any) -> None:
    for steps in range(6):
        connecting = asyncio.create_task(opened(plc))
        for _ in range(steps):
            await asyncio.sleep(0)
        connecting.cancel()
        results = await asyncio.gather(connecting, return_exceptions=True)
        if isinstance(results[0], Link):
            await results[0].close()
    link = await opened(plc)
    await link.transact(1, READ, LONG)
    await plc.until(lambda: plc.open_now == 1)
    await link.close()
    await plc.until(lambda: plc.open_now == 0)
