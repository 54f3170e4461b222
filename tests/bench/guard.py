"""Fails when plcmq has become far slower than it was: `make guard`, which CI runs.

Strategy: no figure of its own, only ratios to the floor, measured in rounds that alternate in one run; and
only half of what was recorded counts as slow. On a busy machine requests a second say little, because the
floor has more threads that compete for the cores; so there processor time has to say the same. No verdict
before it has been confirmed.
"""

import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import contenders
import psutil
import uvloop
from loads import through_zeromq, until_it_answers
from measure import Ratio, ratio

RECORDED_SPEED = 1.0  # requests/s of plcmq in one process to those of the floor, 100 in flight, msgpack
RECORDED_THRIFT = 0.9  # the floor's processor time for a request, to that of plcmq
SLOW = 0.5  # of what was recorded
QUIET = 0.1  # of a core: when others take no more, requests a second need no second witness
WINDOW = 100
ROUNDS = 7
SECONDS = 0.4  # of a load in a round


@dataclass(frozen=True)
class Finding:
    """What some rounds have shown.

    Attributes:
        speed: requests a second, plcmq to the floor.
        thrift: processor time for a request, the floor to plcmq.
        others: cores that others took, the median.
    """

    speed: Ratio
    thrift: Ratio
    others: float

    @property
    def is_slow(self) -> bool:
        """Whether plcmq is less than half as good as recorded, and nobody else can be blamed."""
        costly = self.thrift.middle < RECORDED_THRIFT * SLOW
        return self.speed.middle < RECORDED_SPEED * SLOW and (costly or self.others <= QUIET)

    def __str__(self) -> str:
        return (
            f"requests/s to the floor {self.speed}, recorded {RECORDED_SPEED:g}; "
            f"processor time {self.thrift}, recorded {RECORDED_THRIFT:g}; others took {self.others:.1f} cores"
        )


def processor_times() -> tuple[float, float]:
    """Seconds that all cores have worked, and those of them that were ours."""
    times = psutil.cpu_times()
    everybody = sum(times) - times.idle - times.iowait - times.guest - times.guest_nice
    children = psutil.Process().children(recursive=True)
    return everybody, contenders.cpu_of([os.getpid(), *(child.pid for child in children)])


def one_round(contender: contenders.Running) -> tuple[float, float, float]:
    """Requests a second, processor time for a request, and the cores that others took."""
    began, (everybody, ours), cpu = time.perf_counter(), processor_times(), contender.cpu()
    load = through_zeromq(contender.endpoint, "fast", WINDOW, SECONDS, "msgpack", 1)
    latencies, total = uvloop.run(load)
    cost = (contender.cpu() - cpu) / latencies.count
    everybody_after, ours_after = processor_times()
    others = (everybody_after - everybody) - (ours_after - ours)
    return latencies.count / total, cost, others / (time.perf_counter() - began)


def look(floor: contenders.Running, plcmq: contenders.Running, rounds: int) -> Finding:
    """Rounds of both in turn, after one to warm up."""
    pairs = [(one_round(floor), one_round(plcmq)) for _ in range(rounds + 1)][1:]
    floors, ours = zip(*pairs, strict=True)
    speed = ratio([each[0] for each in ours], [each[0] for each in floors])
    thrift = ratio([each[1] for each in floors], [each[1] for each in ours])
    return Finding(speed, thrift, median(each[2] for each in (*floors, *ours)))


def main() -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        plc = stack.enter_context(contenders.plc(0.0))
        floor = stack.enter_context(contenders.floor())
        plcmq = stack.enter_context(contenders.plcmq(folder, {"fast": plc.port}, host_apart=False))
        uvloop.run(until_it_answers(plcmq.endpoint, "fast"))
        found = look(floor, plcmq, ROUNDS)
        print(f"guard: {found}")
        if found.is_slow:
            found = look(floor, plcmq, 2 * ROUNDS)
            print(f"guard: measured again: {found}")
    if found.is_slow:
        print("guard: FAILED: plcmq is less than half as good as recorded; `make bench` shows where")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
