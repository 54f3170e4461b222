"""The pump: a connection that is gone is told from one that is only slow."""

from __future__ import annotations

import select
import time
from collections.abc import Iterator

import pytest
from plcmq.client.core.pump import Pump
from plcmq.client.core.session import Call, Session, request_map
from plcmq.client.protocol.errors import Code
from plcmq.client.protocol.sockets import (
    SharedContext,
    SocketSettings,
    ZmqSocket,
    bind_router,
    bound_endpoint,
    look,
    new_context,
)

AT_LAST = 10_000  # milliseconds
EVERYTHING = 1 << 62


@pytest.fixture
def router() -> Iterator[ZmqSocket]:
    """A broker's socket that takes in as little as it can, and that nobody reads."""
    context = new_context()
    router = bind_router(context, "tcp://127.0.0.1:0", SocketSettings(queue=1))
    yield router
    context.destroy(0)


@pytest.fixture
def pump(router: ZmqSocket) -> Iterator[Pump[str]]:
    pump: Pump[str] = Pump(Session(bound_endpoint(router)), SharedContext())
    ask(pump, 1)
    while pump.session.has_unsent:
        assert wait(pump, AT_LAST)
        pump.exchange(EVERYTHING)
    yield pump
    pump.close()


def ask(pump: Pump[str], times: int) -> None:
    message = request_map("write", {"values": {"text": "x" * 1000}}, "press-1")
    for _ in range(times):
        pump.session.start(dict(message), 600.0, "waiter", time.monotonic())


def wait(pump: Pump[str], milliseconds: int) -> bool:
    poll = select.poll()
    poll.register(pump.fd, select.POLLIN)
    return bool(poll.poll(milliseconds))


def test_where_the_other_side_has_gone_nobody_goes_on_waiting(router: ZmqSocket, pump: Pump[str]) -> None:
    router.close(0)
    (call,) = lost(pump)
    assert call.reply is not None
    assert call.reply.error is not None
    assert call.reply.error.code is Code.OUTCOME_UNKNOWN


def lost(pump: Pump[str]) -> list[Call[str]]:
    settled: list[Call[str]] = []
    while not settled:
        assert wait(pump, AT_LAST)
        settled, _ = pump.exchange(EVERYTHING)
    return settled


def test_with_very_much_in_flight_it_is_noticed_too_if_all_of_it_had_been_taken(
    router: ZmqSocket, pump: Pump[str]
) -> None:
    ask(pump, 6000)
    pump.exchange(EVERYTHING)
    while not look(pump._socket)[1]:
        assert wait(pump, AT_LAST)
    pump.exchange(EVERYTHING)
    router.close(0)
    assert len(lost(pump)) == 6001
    assert pump.session.in_flight == 0


def test_a_socket_that_is_full_is_not_taken_for_one_without_a_connection(pump: Pump[str]) -> None:
    while pump.session.in_flight < 10_000 or look(pump._socket) != (False, False):
        if not pump.session.has_unsent:
            ask(pump, 1000)
        assert pump.exchange(EVERYTHING) == ([], True)
    assert pump.exchange(EVERYTHING) == ([], True)
    assert len(pump.session.pending) > pump.session.in_flight >= 10_000
