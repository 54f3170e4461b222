"""The loads: closed loops, in which each caller asks again as soon as it has its answer.

Strategy: every load runs for a time, not for a count, so that a slow contender takes no longer than a fast
one; it returns the latencies, and the seconds that it took. All of them run in this process on uvloop, and
are as cheap as their library lets them be. For plcmq that is the generator of `plcmq bench`; for modbus-proxy
a bare protocol, which writes ready-made frames: what is measured is the proxy, not a client.
"""

import asyncio
import socket
import time
from struct import Struct

from plcmq.client import PlcmqError, connect
from plcmq.client.load.generator import Generator
from plcmq.client.load.meter import Latencies
from plcmq.client.load.mix import Mix, Operation
from plcmq.client.load.schedule import ClosedLoop, Load
from plcmq.client.protocol.bodies import Codec
from pymodbus.client import AsyncModbusTcpClient

_READ = Struct(">HHHBBHH")  # transaction, protocol, length, unit, function, address, count
_FUNCTION = 7  # where a frame has its function code
_REPLY = 11  # bytes of a frame that answers a read of one register
_TRIES, _PAUSE = 100, 0.1  # seconds between looks whether a broker answers
_TOGETHER = 50  # connections that are opened at once

clock = time.perf_counter

Timed = tuple[Latencies, float]


def recorded(times):
    """Seconds of each request as latencies; after the load, so that it costs the load nothing."""
    latencies = Latencies()
    for seconds in times:
        latencies.record(seconds)
    return latencies


def read_frame(transaction, address):
    """A request to read one holding register."""
    return _READ.pack(transaction, 0, 6, 1, 3, address, 1)


async def through_zeromq(endpoint, device, window, seconds, codec, tags) -> Timed:
    """So many callers on one connection; each reads one of so many tags at a time."""
    reads = [Operation("read", "read", {"tags": [f"t{number}"]}) for number in range(tags)]
    load = Load(
        Mix({device: reads}), ClosedLoop(window), endpoint, duration=seconds, codec=Codec(codec), timeout=30.0
    )
    async with Generator(load) as generator:
        started = clock()
        whole = (await generator.run()).overall()
        total = clock() - started
    if whole.failed:
        raise RuntimeError(f"requests have failed: {whole.messages}")
    return whole.latencies, total


async def until_it_answers(endpoint, device):
    """Waits for a reply with a value: a host in a process of its own takes a moment to sign in."""
    async with connect(endpoint) as plc:
        for _ in range(_TRIES):
            try:
                await plc.read(device, "t0")
            except PlcmqError:
                await asyncio.sleep(_PAUSE)
            else:
                return
        await plc.read(device, "t0")


class _Master(asyncio.Protocol):
    """One connection with one request in flight."""

    def __init__(self, address, times, until):
        self._times, self._until = times, until
        self._request = read_frame(1, address)
        self._got = b""
        self._started = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self._transport = transport

    def ask(self):
        self._started = clock()
        self._transport.write(self._request)

    def data_received(self, data):
        self._got += data
        if len(self._got) < _REPLY:
            if len(self._got) > _FUNCTION and self._got[_FUNCTION] & 0x80:
                self.connection_lost("it answered with an exception")
            return
        self._got = b""
        now = clock()
        self._times.append(now - self._started)
        if now < self._until[0]:
            self._started = now
            self._transport.write(self._request)
        elif not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, error):
        if not self.done.done():
            self.done.set_exception(ConnectionError(f"the other side has gone: {error}"))

    def close(self):
        self._transport.close()


async def through_modbus(port, connections, seconds, tags) -> Timed:
    """So many connections with one request each in flight, from each a register of its own."""
    loop = asyncio.get_running_loop()
    times, until = [], [0.0]
    masters = []
    for first in range(0, connections, _TOGETHER):
        opening = [
            loop.create_connection(lambda n=number: _Master(n % tags, times, until), "127.0.0.1", port)
            for number in range(first, min(first + _TOGETHER, connections))
        ]
        masters += [master for _, master in await asyncio.gather(*opening)]
    started = clock()
    until[0] = started + seconds
    for master in masters:
        master.ask()
    await asyncio.gather(*(master.done for master in masters))
    total = clock() - started
    for master in masters:
        master.close()
    return recorded(times), total


async def through_pymodbus(port, seconds) -> Timed:
    """One pymodbus client that shares with nobody."""
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    times = []
    now = started = clock()
    while now < started + seconds:
        before = now
        reply = await client.read_holding_registers(0, count=1)
        if reply.isError():
            raise ConnectionError(f"the PLC answered {reply}")
        now = clock()
        times.append(now - before)
    client.close()
    return recorded(times), now - started


def pipelined(port, window, seconds) -> Timed:
    """Requests in bursts of so many on one blocking socket: what the PLC itself can answer.

    The times are those of bursts, divided by their requests.
    """
    burst = b"".join(read_frame(number, number) for number in range(window))
    times = []
    with socket.create_connection(("127.0.0.1", port)) as plc:
        plc.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        now = started = clock()
        while now < started + seconds:
            before = now
            plc.sendall(burst)
            left = window * _REPLY
            while left:
                left -= len(plc.recv(left)) or _gone()
            now = clock()
            times += [(now - before) / window] * window
    return recorded(times), now - started


def _gone():
    raise ConnectionError("the PLC has closed the connection")
