"""The broker's sockets: what comes is read, what goes out arrives, and nobody waits for others."""

from __future__ import annotations

import asyncio
import json
import logging
from unittest.mock import Mock

import pytest
import zmq
from plcmq.broker.catalogue import Catalogue, Entry, Kind
from plcmq.broker.routing.router import Router
from plcmq.broker.service.backlog import Backlog, Bounds
from plcmq.broker.service.server import ENVELOPE_BYTES
from plcmq.client.protocol.bodies import Codec, encode
from plcmq.client.protocol.messages import DEFAULT_LIMITS
from plcmq.devices.model.devices import DeviceDefinition
from plcmq.devices.protocol.frames import frames, shortened
from plcmq.devices.protocol.messages import Again, Bye, Done, Job, Ping, Pong, Release, Serve
from plcmq.devices.protocol.wire import unpack

from ..conftest import KIND

READ = {"device": "press-1", "action": "read", "rqargs": {"tags": "temp"}}
PING = {"action": "ping"}


async def test_a_request_gets_its_reply(bench):
    client = bench.client()
    client.ask(PING, id=7)
    assert (await client.reply())["result"] == {"pong": True}


async def test_the_whole_envelope_comes_back(bench):
    client = bench.client()
    client.send(b"a", b"", b"b", json.dumps(PING).encode())
    assert (await client.hear())[:-1] == [b"a", b"", b"b"]


async def test_no_edge_is_missed_under_load(bench):
    clients, host = [bench.client() for _ in range(20)], await bench.host()

    async def load(client):
        for number in range(100):
            client.ask(PING, id=number)
            assert (await client.reply())["id"] == number

    async def answer():
        for _ in range(100):
            job = await host.hear_of(Job)
            host.say(Done(job.id, {"values": {}}))

    async def read(client):
        for _ in range(100):
            client.ask(READ)
            assert (await client.reply())["ok"]

    await asyncio.gather(*map(load, clients), answer(), read(bench.client()))
    assert bench.server.missed_edges == 0


async def test_a_missed_edge_is_found_and_counted_by_the_tick(bench):
    asyncio.get_running_loop().remove_reader(bench.front.fileno())
    client = bench.client()
    await bench.until(lambda: client.socket.poll(0, zmq.POLLOUT))
    client.ask(PING)
    await asyncio.to_thread(bench.front.poll, 1000)  # takes the edge away, as any look at the socket does
    bench.server._look_for_input = lambda: None
    assert (await client.reply())["ok"]
    assert bench.server.missed_edges == 1


async def test_5000_pipelined_requests_get_5000_replies_in_order(bench):
    client = bench.client(SNDHWM=0, RCVHWM=0)
    for number in range(5000):
        client.ask(PING, id=number)
    assert [(await client.reply())["id"] for _ in range(5000)] == list(range(5000))
    assert bench.dropped == {}


async def test_replies_wait_for_a_client_that_reads_late(bench):
    client = bench.client(SNDHWM=0, RCVHWM=10, RCVBUF=262_144)
    text = "x" * 5000
    for number in range(3000):
        client.ask(PING, id=f"{number} {text}")
    await bench.until(lambda: bench.server.router.overview.requests == 3000)
    assert bench.server.delivery.backlog.messages
    for number in range(3000):
        assert (await client.reply())["id"] == f"{number} {text}"
    await bench.until(lambda: not bench.server.router.overview.unread)
    assert bench.dropped == {}


async def test_a_client_that_never_reads_delays_nobody_and_is_bounded(bench):
    bench.server.delivery.backlog = Backlog(Bounds(messages=100))
    rude, good = bench.client(SNDHWM=0, RCVHWM=10, RCVBUF=262_144), bench.client()
    for _ in range(2500):
        rude.ask(PING, id="x" * 20_000)
    good.ask(PING, id="good")
    assert (await good.reply())["id"] == "good"
    await bench.until(lambda: bench.dropped.get("slow_client"))
    assert bench.server.delivery.backlog.messages == 100
    good.ask({"action": "stats"})
    assert (await good.reply())["result"]["unread"] == 100


async def test_replies_to_a_client_that_went_are_counted_and_hurt_nobody(bench, caplog):
    caplog.set_level(logging.INFO)
    host, client, other = await bench.host(), bench.client(), bench.client()
    for number in range(2000):
        client.ask(READ, id=number)
    jobs = [await host.hear_of(Job) for _ in range(2000)]
    client.socket.close(0)
    while bench.dropped.get("client_gone", 0) < 3:  # it takes a moment to get about that it is gone
        host.say(Done(jobs.pop().id))
        await asyncio.sleep(0.001)
    other.ask(PING)
    assert (await other.reply())["ok"]
    assert [r.message for r in caplog.records].count("a client went before its reply came") == 1


@pytest.mark.parametrize("frames", [DEFAULT_LIMITS.frames + 1, 5_000])
async def test_too_many_frames_are_refused_and_the_next_message_is_whole(bench, frames):
    client = bench.client()
    client.send(*[b"x"] * frames)
    client.ask(PING, id="next")
    assert (await client.reply())["error"]["code"] == "bad_request"
    assert (await client.reply())["id"] == "next"


async def test_as_many_frames_as_are_allowed_are_answered(bench):
    client = bench.client()
    client.send(*[b"x"] * (DEFAULT_LIMITS.frames - 1), json.dumps(PING).encode())
    assert len(await client.hear()) == DEFAULT_LIMITS.frames


async def test_an_envelope_that_is_too_long_is_not_kept(bench):
    client = bench.client()
    client.send(b"x" * ENVELOPE_BYTES, b"", json.dumps(PING).encode())
    frames = await client.hear()
    assert len(frames) == 1
    assert json.loads(frames[0])["error"]["code"] == "bad_request"


async def test_a_fault_of_our_own_is_told_and_costs_the_others_nothing(bench, monkeypatch, caplog):
    receive = Router.receive

    def faulty(self, envelope, body, now):
        if b"faulty" in body:
            raise RuntimeError("a bug")
        receive(self, envelope, body, now)

    monkeypatch.setattr(Router, "receive", faulty)
    client = bench.client()
    client.ask({"action": "faulty"})
    client.ask(PING, id="next")
    error = (await client.reply())["error"]
    assert (error["code"], error["outcome"]) == ("internal", "unknown")
    assert error["details"]["reference"] in caplog.text
    assert (await client.reply())["id"] == "next"


async def test_a_fault_of_our_own_with_a_hosts_message_is_logged_and_costs_the_others_nothing(
    bench, monkeypatch, caplog
):
    host = bench.server.add_local_host("here")
    with monkeypatch.context() as patch:
        patch.setattr(Router, "from_host", Mock(side_effect=RuntimeError("a bug")))
        host.release(Release([99]))  # it says `Released` at once
    assert "RuntimeError: a bug" in caplog.text
    client = bench.client()
    client.ask(PING)
    assert (await client.reply())["ok"]


async def test_many_requests_to_a_host_leave_in_one_message(bench):
    host, client = await bench.host(), bench.client()
    for number in range(100):
        client.ask(READ, id=number)
    jobs = messages = 0
    while jobs < 100:
        found = [message for message in unpack((await host.hear())[-1]) if isinstance(message, Job)]
        jobs += len(found)
        messages += bool(found)
    assert messages < 50


async def test_a_heartbeat_of_an_unknown_host_is_answered_with_register_again(bench):
    stranger = bench.stranger()
    stranger.say(Pong(1.0, 0))
    assert await stranger.hear_of(Again) == Again()


async def test_a_host_that_joins_and_leaves_is_in_the_log(bench, caplog):
    caplog.set_level(logging.INFO)
    host = await bench.host()
    await bench.until(lambda: "host north has joined; 1 endpoint" in caplog.text)
    host.say(Bye())
    await bench.until(lambda: "host north has left" in caplog.text)


async def test_a_host_is_pinged(bench):
    host = await bench.host()
    assert isinstance(await host.hear_of(Ping), Ping)


@pytest.mark.parametrize(
    "frames",
    [[b""], [b"GET / HTTP/1.1"], [b"", b"", b""], [b"x"] * 1000, [encode(Codec.MSGPACK, {"m": [[0]]})]],
)
async def test_nonsense_at_the_hosts_endpoint_is_counted_and_hurts_nobody(bench, frames):
    stranger, host, client = bench.stranger(), await bench.host(), bench.client()
    stranger.send(*frames)
    stranger.say(Pong(1.0, 0))
    assert await stranger.hear_of(Again), "it had been read by then"
    client.ask(READ)
    host.say(Done((await host.hear_of(Job)).id, {"values": {"temp": 1}}))
    assert (await client.reply())["result"] == {"values": {"temp": 1}}
    assert bench.dropped == ({"no_host_message": 1} if len(frames) == 1 else {})


def site(devices, tags):
    """A catalogue of many devices of one profile that is long as plain data."""
    kind = Kind({"tags": {f"tag_{n}": {"description": "x" * 100} for n in range(tags)}}, KIND.compiled)
    entries = {}
    for n in range(1, devices + 1):
        definition = DeviceDefinition(n, f"press-{n}", f"10.0.{n // 250}.{n % 250}", "press")
        entries[n] = Entry({"id": n, "name": definition.name, "profile": "press"}, definition, kind)
    names = {entry.device.name: entry for entry in entries.values()}
    return Catalogue(tags, {"press": kind}, entries, names, tuple(entries))


async def test_a_changed_profile_of_1000_devices_reaches_their_host_once_in_short_frames(bench):
    host, router = await bench.host(), bench.server.router
    for tags in (250, 251):
        router.set_catalogue(site(1000, tags), 0.0)
        bench.server.flush()
        served, size = set(), 0
        while len(served) < 1000:
            body = (await host.hear())[-1]
            size += len(body)
            for message in unpack(body):
                if isinstance(message, Serve) and len(message.profiles["press"]["tags"]) == tags:
                    served |= {form["id"] for form in message.devices}
        assert size < 500_000, "not 1,000 times the profile"


async def test_a_profile_that_no_frame_can_carry_costs_its_own_devices_only(bench, caplog):
    host, client = await bench.host(), bench.client()
    bench.server.router.set_catalogue(site(1, 140_000), 0.0)
    bench.server.flush()
    assert "press-1 cannot be served: the profile is too long" in caplog.text
    client.ask(READ)
    host.say(Done((await host.hear_of(Job)).id, {"values": {"temp": 1}}))
    assert (await client.reply())["ok"]


async def test_a_batch_of_40_megabytes_is_answered_and_its_connection_goes_on(bench):
    host, client = await bench.host(), bench.client()
    client.ask({"action": "batch", "rqargs": {"requests": [READ] * 1000}}, timeout=60)
    jobs = [await host.hear_of(Job) for _ in range(1000)]
    long = {"values": {"temp": ["x" * 100] * 400}}
    for body, _ in frames([Done(job.id, long) for job in jobs], shortened):
        host.send(body)
    replies = (await client.reply())["result"]["replies"]
    refused = {reply["error"]["code"] for reply in replies if not reply["ok"]}
    assert sum(reply["ok"] for reply in replies) > 300
    assert refused == {"too_large"}
    client.ask(PING)
    assert (await client.reply())["ok"]


async def test_500_long_results_of_a_host_reach_their_client(bench):
    host, client = await bench.host(), bench.client(SNDHWM=0, RCVHWM=0)
    for number in range(500):
        client.ask(READ, id=number)
    jobs = [await host.hear_of(Job) for _ in range(500)]
    long = {"values": {"temp": ["x" * 100] * 400}}
    for body, _ in frames([Done(job.id, long) for job in jobs], shortened):
        host.send(body)
    assert {(await client.reply())["id"] for _ in range(500)} == set(range(500))
