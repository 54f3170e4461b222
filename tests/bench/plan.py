"""Which loads are run on which contenders.

Strategy: what is compared is neighbours in the plan, so that it is measured one after the other. Not every
combination is worth its time: JSON, a host of its own, and the slow PLC are shown where they make a
difference. Lines of peers that are not installed are left out.
"""

from dataclasses import dataclass, field

import uvloop
from contenders import TAGS, Plc, Running
from loads import pipelined, through_modbus, through_pymodbus, through_zeromq
from measure import Line
from peers import Pyleco

FLOOR = "C proxy with echo"
ONE = "plcmq, one process"
APART = "plcmq, host apart"
PROXY = "modbus-proxy"
PYLECO = "pyleco"
PYMODBUS = "pymodbus, direct"
FRAMES = "bare frames, direct"
CEILING = "PLC, pipelined"

FAST, SLOW, NONE = "fast", "5 ms", "-"
WINDOWS = (1, 16, 100, 1000)
PYLECO_CLIENTS = (1, 8)
CEILING_WINDOW = 16


@dataclass
class Stage:
    """What has been started.

    Attributes:
        plcs: the simulated PLCs, by `FAST` and `SLOW`; devices of plcmq have the names `fast` and `slow`.
        brokers: `FLOOR`, `ONE` and `APART`.
        proxies: modbus-proxy, by PLC.
        pyleco: its clients.
    """

    plcs: dict[str, Plc]
    brokers: dict[str, Running]
    proxies: dict[str, Running] = field(default_factory=dict)
    pyleco: Pyleco | None = None

    def zeromq(self, contender, plc, codec, window, tags=1):
        """A line of callers on one connection to a broker."""
        broker = self.brokers[contender]
        device = "slow" if plc == SLOW else "fast"
        behind = NONE if contender == FLOOR else plc

        def load(seconds):
            return uvloop.run(through_zeromq(broker.endpoint, device, window, seconds, codec, tags))

        return Line(contender, behind, codec, window, tags, load, broker.pids)

    def proxy(self, plc, window, tags=1):
        """A line of connections to modbus-proxy, if there is one."""
        if plc in self.proxies:
            yield self.frames(plc, window, tags, PROXY, self.proxies[plc])

    def frames(self, plc, window, tags=1, contender=FRAMES, through=None):
        """A line of connections with bare frames, by default to the PLC itself."""
        port = int(through.endpoint) if through else self.plcs[plc].port
        pids = through.pids if through else ()

        def load(seconds):
            return uvloop.run(through_modbus(port, window, seconds, tags))

        return Line(contender, plc, "-", window, tags, load, pids)

    def pymodbus(self, plc):
        """A line of one pymodbus client."""
        port = self.plcs[plc].port
        return Line(PYMODBUS, plc, "-", 1, 1, lambda seconds: uvloop.run(through_pymodbus(port, seconds)))

    def ceiling(self):
        """A line that shows what the simulated PLC can answer."""
        port = self.plcs[FAST].port

        def load(seconds):
            return pipelined(port, CEILING_WINDOW, seconds)

        return Line(CEILING, FAST, "-", CEILING_WINDOW, CEILING_WINDOW, load)


def lines(stage: Stage) -> list[Line]:
    """The plan."""
    return [*_fast(stage), *_slow(stage)]


def _fast(stage):
    yield stage.pymodbus(FAST)
    yield stage.frames(FAST, 1)
    for window in WINDOWS:
        for codec in ("msgpack", "json"):
            for contender in (FLOOR, ONE, APART):
                yield stage.zeromq(contender, FAST, codec, window)
        yield from stage.proxy(FAST, window)
        if window == TAGS:
            yield from _pyleco(stage)
    yield stage.zeromq(ONE, FAST, "msgpack", TAGS, tags=TAGS)
    yield stage.frames(FAST, TAGS, TAGS)
    yield stage.ceiling()


def _pyleco(stage):
    if stage.pyleco is not None:
        for clients in PYLECO_CLIENTS:
            yield Line(PYLECO, NONE, "-", clients, 1, lambda s, n=clients: stage.pyleco.load(n, s))


def _slow(stage):
    yield stage.pymodbus(SLOW)
    yield stage.zeromq(ONE, SLOW, "msgpack", 1)
    for window in (16, TAGS):
        yield stage.zeromq(ONE, SLOW, "msgpack", window, tags=window)
        yield from stage.proxy(SLOW, window, tags=window)
    yield stage.zeromq(APART, SLOW, "msgpack", TAGS, tags=TAGS)
    yield stage.zeromq(ONE, SLOW, "msgpack", 1000, tags=TAGS)
