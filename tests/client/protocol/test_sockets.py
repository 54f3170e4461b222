"""ZeroMQ sockets: configured from the start, honest about peers, careful with what arrives."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from plcmq.client.protocol.endpoint import BadEndpoint
from plcmq.client.protocol.messages import split_envelope
from plcmq.client.protocol.sockets import (
    CLIENT,
    EndpointInUse,
    Message,
    Receiver,
    SharedContext,
    SocketSettings,
    ZmqContext,
    ZmqSocket,
    bind_router,
    bound_endpoint,
    connect_dealer,
    is_readable,
    is_writable,
    new_context,
)


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch) -> Iterator[ZmqContext]:
    """A context that closes the sockets made in it when the test is over."""
    made: list[ZmqSocket] = []
    make = zmq.Context.socket

    def socket(self: ZmqContext, kind: int) -> ZmqSocket:
        made.append(make(self, kind))
        return made[-1]

    monkeypatch.setattr(zmq.Context, "socket", socket)
    context = new_context()
    yield context
    for one in made:
        one.close(0)
    context.term()


@pytest.fixture
def router(context: ZmqContext) -> ZmqSocket:
    return bind_router(context, "tcp://127.0.0.1:0")


@pytest.fixture
def dealer(context: ZmqContext, router: ZmqSocket) -> ZmqSocket:
    dealer = connect_dealer(context, bound_endpoint(router))
    dealer.poll(5000, zmq.POLLOUT)
    return dealer


def received(socket: ZmqSocket, receiver: Receiver) -> Message:
    socket.poll(5000)
    message = receiver.receive()
    assert message is not None
    return message


@pytest.mark.parametrize("make", [bind_router, connect_dealer])
def test_every_limit_is_set_on_every_socket(context: ZmqContext, make: Callable[..., ZmqSocket]) -> None:
    settings = SocketSettings(linger=0.25, queue=77, frame_bytes=4096)
    socket = make(context, "tcp://127.0.0.1:*" if make is bind_router else "tcp://127.0.0.1:9", settings)
    expected: dict[int, Any] = {
        zmq.LINGER: 250,
        zmq.MAXMSGSIZE: 4096,
        zmq.SNDHWM: 77,
        zmq.RCVHWM: 77,
        zmq.HEARTBEAT_IVL: 5000,
        zmq.HEARTBEAT_TIMEOUT: 15000,
        zmq.RECONNECT_IVL: 100,
        zmq.RECONNECT_IVL_MAX: 5000,
        zmq.BACKLOG: 4096,
        zmq.ROUTING_ID: b"",
    }
    assert {option: socket.get(option) for option in expected} == expected


def test_a_client_does_not_linger() -> None:
    assert CLIENT.linger == 0


def test_a_dealer_takes_nothing_while_nobody_is_there(context: ZmqContext) -> None:
    dealer = connect_dealer(context, "tcp://127.0.0.1:9")
    assert not is_writable(dealer)
    with pytest.raises(zmq.Again):
        dealer.send(b"would come out much later", zmq.NOBLOCK)


def test_a_router_says_when_a_peer_is_unknown(router: ZmqSocket) -> None:
    with pytest.raises(zmq.ZMQError) as caught:
        router.send_multipart([b"nobody", b"body"], zmq.NOBLOCK)
    assert caught.value.errno == zmq.EHOSTUNREACH


def test_ipv6_works(context: ZmqContext) -> None:
    router = bind_router(context, "tcp://[::1]:0")
    dealer = connect_dealer(context, bound_endpoint(router))
    dealer.send(b"body")
    assert received(router, Receiver(router)).frames[-1] == b"body"


@pytest.mark.parametrize("scheme", ["tcp", "ipc"])
def test_a_second_server_on_the_same_endpoint_is_refused(
    context: ZmqContext, scheme: str, tmp_path: Path
) -> None:
    first = bind_router(context, "tcp://127.0.0.1:0" if scheme == "tcp" else f"ipc://{tmp_path}/s")
    endpoint = bound_endpoint(first)
    with pytest.raises(EndpointInUse, match="in use"):
        bind_router(context, endpoint)
    dealer = connect_dealer(context, endpoint)
    dealer.send(b"still served")
    assert received(first, Receiver(first)).frames[-1] == b"still served"


def test_an_ipc_path_left_behind_is_taken_over(context: ZmqContext, tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/s"
    with socket.socket(socket.AF_UNIX) as crashed:
        crashed.bind(str(tmp_path / "s"))
    assert bound_endpoint(bind_router(context, endpoint)) == endpoint


def test_an_endpoint_that_is_not_here_is_refused(context: ZmqContext) -> None:
    with pytest.raises(BadEndpoint, match="cannot listen"):
        bind_router(context, "tcp://192.0.2.1:7502")


def test_a_message_comes_whole(router: ZmqSocket, dealer: ZmqSocket) -> None:
    dealer.send_multipart([b"a", b"", b"body"])
    message = received(router, Receiver(router))
    assert (message.frames[1:], message.over) == ([b"a", b"", b"body"], False)


def test_nothing_waiting_is_none(router: ZmqSocket) -> None:
    assert Receiver(router).receive() is None
    assert not is_readable(router)


@pytest.mark.parametrize("frames", [4, 5, 6, 104, 105, 106, 1000])
def test_frames_over_the_cap_are_dropped_and_what_follows_is_whole(
    router: ZmqSocket, dealer: ZmqSocket, frames: int
) -> None:
    dealer.send_multipart([b"x"] * frames)
    dealer.send_multipart([b"next", b"body"])
    receiver = Receiver(router, max_frames=5)
    first = received(router, receiver)
    assert (len(first.frames), first.over) == (5, frames > 4)
    rest = []
    while not rest or rest[-1].over:
        rest.append(received(router, receiver))
    assert all(message == Message([], True) for message in rest[:-1])
    assert rest[-1].frames[1:] == [b"next", b"body"]


def test_a_frame_over_the_limit_ends_the_connection(context: ZmqContext) -> None:
    router = bind_router(context, "tcp://127.0.0.1:0", SocketSettings(frame_bytes=1000))
    dealer = connect_dealer(context, bound_endpoint(router))
    dealer.send(b"x" * 2000)
    dealer.poll(5000, zmq.POLLOUT)
    other = connect_dealer(context, bound_endpoint(router))
    other.send(b"good")
    assert received(router, Receiver(router)).frames[1:] == [b"good"]


def test_a_req_socket_with_relaxed_and_correlate_gets_its_envelope_back(
    context: ZmqContext, router: ZmqSocket
) -> None:
    req = context.socket(zmq.REQ)
    req.setsockopt(zmq.REQ_RELAXED, 1)
    req.setsockopt(zmq.REQ_CORRELATE, 1)
    req.connect(bound_endpoint(router))
    req.send(b"question")
    envelope, body = split_envelope(received(router, Receiver(router)).frames)
    assert (len(envelope), body) == (3, b"question")
    router.send_multipart([*envelope, b"answer"])
    assert req.recv() == b"answer"


def test_the_shared_context_lives_as_long_as_it_has_users() -> None:
    shared = SharedContext()
    first = shared.acquire()
    assert shared.acquire() is first
    shared.release()
    assert not first.closed
    shared.release()
    assert first.closed
    assert shared.acquire() is not first
    shared.release()


def test_a_released_context_leaves_no_thread() -> None:
    before = set(Path("/proc/self/task").iterdir())
    shared = SharedContext()
    shared.acquire().socket(zmq.DEALER).close()
    assert len(set(Path("/proc/self/task").iterdir())) > len(before)
    shared.release()
    assert set(Path("/proc/self/task").iterdir()) <= before
    assert threading.active_count() >= 1


FIRST_ROUTING_ID = """
import zmq
from plcmq.client.protocol.sockets import bind_router, bound_endpoint, connect_dealer, new_context
context = new_context(16)
router = bind_router(context, "tcp://127.0.0.1:0")
dealer = connect_dealer(context, bound_endpoint(router))
dealer.poll(5000, zmq.POLLOUT)
dealer.send(b"hello")
router.poll(5000)
print(router.recv_multipart()[0].hex())
context.destroy(0)
"""


def test_two_fresh_processes_do_not_hand_out_the_same_routing_ids() -> None:
    first, second = (
        subprocess.run([sys.executable, "-c", FIRST_ROUTING_ID], capture_output=True, text=True, check=True)
        for _ in range(2)
    )
    assert len(first.stdout.strip()) == 10
    assert first.stdout != second.stdout
