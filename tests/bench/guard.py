"""Fails when plcmq has become far slower than it was: `make guard`, which CI runs.

Strategy: no figure of its own, only the ratio to the floor, measured in rounds that alternate in one run, so
that it is the same on a slow and on a busy machine; and only half of what was recorded counts as slow. A
first verdict of too slow is not believed before it has been confirmed.
"""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import contenders
import uvloop
from loads import through_zeromq, until_it_answers
from measure import Ratio, ratio

RECORDED = 1.0  # requests/s of plcmq in one process to those of the floor, 100 in flight, msgpack
LIMIT = RECORDED / 2
WINDOW = 100
ROUNDS = 7
SECONDS = 0.4  # of a load in a round


def measured(endpoints: tuple[str, str], rounds: int = ROUNDS) -> Ratio:
    """The ratio of the second to the first, after a warm-up."""
    rates: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for endpoint, found in zip(endpoints, rates, strict=True):
            times, total = uvloop.run(through_zeromq(endpoint, "fast", WINDOW, SECONDS, "msgpack", 1))
            if number:
                found.append(len(times) / total)
    floor, ours = rates
    return ratio(ours, floor)


def main() -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        plc = stack.enter_context(contenders.plc(0.0))
        floor = stack.enter_context(contenders.floor())
        plcmq = stack.enter_context(contenders.plcmq(folder, {"fast": plc.port}, host_apart=False))
        uvloop.run(until_it_answers(plcmq, "fast"))
        found = measured((floor, plcmq))
        if found.middle < LIMIT:
            print(f"guard: {found} of the floor, under {LIMIT:g}: measuring again")
            found = measured((floor, plcmq), 2 * ROUNDS)
    if found.middle < LIMIT:
        print(f"guard: plcmq answers {found} of what the C proxy with echo does; it was {RECORDED:g},")
        print(f"guard: and under {LIMIT:g} something has become slow. `make bench` shows where.")
        return 1
    print(f"guard: plcmq answers {found} of what the C proxy with echo does; the limit is {LIMIT:g}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
