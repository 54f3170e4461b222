"""The seeded schedule of faults: what strikes which PLC, and for how long (`faults.md` F1 to F11).

Strategy: pure but for the dice that it is given. Frames with bytes changed at random are left out: Modbus TCP
has no checksum, so a changed value that is otherwise well formed cannot be told from a true one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from plant import TIMEOUT
from plcmq.devices.simulator.faults.base import Close, Fault
from plcmq.devices.simulator.faults.frames import Broken, BrokenFrames
from plcmq.devices.simulator.faults.gateway import DeadUnit, WrongUnit
from plcmq.devices.simulator.faults.pace import Busy, Delay, MinGap, Scan, Violation, WarmUp
from plcmq.devices.simulator.faults.register_map import (
    ExceptionReply,
    Hole,
    MaxRegisters,
    NoFunction,
    SelfReset,
    Tear,
)
from plcmq.devices.simulator.faults.silence import (
    Blackhole,
    IdleClose,
    Lateness,
    LateReplies,
    Loss,
    PlcStop,
    PowerCycle,
    ReplyLost,
    Unplug,
)
from plcmq.devices.simulator.faults.slots import Full, SlotLimit

Make = Callable[[Random], Fault]

LIES = tuple(kind for kind in Broken if kind is not Broken.MUTATED)

MENU: dict[str, list[Make]] = {
    "F1 reply lost": [
        lambda dice: ReplyLost(mode=dice.choice(list(Loss)), p=dice.uniform(0.2, 1.0), delay=TIMEOUT * 1.2)
    ],
    "F2 late replies": [
        lambda dice: LateReplies(
            every_n=dice.randint(2, 8), mode=dice.choice(list(Lateness)), delay=TIMEOUT + 0.02
        )
    ],
    "F3 few slots": [
        lambda dice: SlotLimit(
            max=1,
            overflow=dice.choice(list(Full)),
            half_open_hold=dice.choice([0.0, 0.5]),
        )
    ],
    "F4 dead application": [
        lambda dice: Blackhole(execute=dice.random() < 0.5),
        lambda _: PlcStop(silent=1.0),
        lambda dice: PowerCycle(dark=dice.uniform(0.3, 2.0)),
        lambda dice: Unplug(close=dice.choice(list(Close))),
    ],
    "F5 idle close": [
        lambda dice: IdleClose(seconds=dice.uniform(0.02, 0.3), close=dice.choice(list(Close)))
    ],
    "F6 warm-up and spacing": [
        lambda dice: WarmUp(ready_after=dice.uniform(0.1, 0.6)),
        lambda dice: MinGap(seconds=dice.uniform(0.001, 0.02), violation=dice.choice(list(Violation)), p=0.2),
    ],
    "F7 scan and busy": [
        lambda dice: Scan(period=dice.uniform(0.01, 0.1)),
        lambda _: Busy(p=0.2),
        lambda dice: Delay(seconds=dice.uniform(0.0, 0.1), jitter=0.1),
    ],
    "F8 broken frames": [lambda dice: BrokenFrames(p=dice.uniform(0.02, 0.5), kinds=LIES)],
    "F10 traps": [
        lambda _: Hole(address=150, count=5),
        lambda _: MaxRegisters(registers=32),
        lambda _: SelfReset(address=70),
        lambda _: Tear(address=300, count=2),
        lambda _: NoFunction(functions=frozenset({5, 6})),
        lambda dice: ExceptionReply(code=dice.choice([4, 5, 6, 10, 11]), p=0.3),
        # After 6 and 10 nothing has been executed: a device that says otherwise lies to everybody.
        lambda dice: ExceptionReply(code=dice.choice([4, 5, 11]), execute=True, p=0.3),
    ],
}
GATEWAY: dict[str, list[Make]] = {
    "F9 dead units": [
        lambda dice: DeadUnit(units=frozenset({dice.randint(2, 4)}), block=dice.uniform(0.1, 0.6), code=None),
        lambda dice: DeadUnit(units=frozenset({dice.randint(2, 4)}), block=0.1, code=11),
        lambda dice: WrongUnit(units=frozenset({dice.randint(1, 4)}), p=0.3),
    ],
}


@dataclass(frozen=True)
class Strike:
    """A fault that is about to strike."""

    wait: float  # seconds from the one before
    title: str
    fault: Fault
    group: str
    index: int  # of the PLC in its group
    lasts: float  # seconds


def strikes(dice: Random, struck: int) -> Iterator[Strike]:
    """The storm, without an end: first each row of the menu once, in a random order, then at random."""
    rows = [("struck", title) for title in MENU] + [("gateway", title) for title in GATEWAY]
    first = dice.sample(rows, len(rows))
    while True:
        group, title = first.pop() if first else dice.choice(rows)
        make = dice.choice((MENU if group == "struck" else GATEWAY)[title])
        fault = make(dice)
        fault.random = Random(dice.random())
        index = dice.randrange(struck) if group == "struck" else 0
        yield Strike(dice.uniform(0.3, 1.2), title, fault, group, index, dice.uniform(1.0, 4.0))
