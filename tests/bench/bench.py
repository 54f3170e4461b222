"""Measures plcmq beside its peers and what it stands on: `make bench`, explained in docs/performance.md.

    python tests/bench/bench.py [--quick] [--rounds 5] [--seconds 0.7] [--json FILE] [--publish]

Strategy: every contender runs in processes of its own; the rounds alternate, after a warm-up, so that a
machine whose speed drifts treats all alike; medians and spreads are told, and ratios to the floor. It never
judges: that a target is missed is told, and the status is 0.
"""

import argparse
import gc
import itertools
import json
import resource
import signal
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import contenders
import peers
import plan
import plots
import publish
import report
import uvloop
from loads import until_it_answers
from measure import Meanwhile, Rounds, as_json
from rich.console import Console
from rich.progress import track
from targets import targets

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "build" / "bench"
WARM_UP = 0.5  # part of a round


@contextmanager
def stage(found_peers):
    """Everything that is measured, started; forked processes first, while this one has no thread."""
    with ExitStack() as stack:
        enter = stack.enter_context
        folder = Path(enter(tempfile.TemporaryDirectory()))
        plcs = {plan.FAST: enter(contenders.plc(0.0)), plan.SLOW: enter(contenders.plc(contenders.SLOW))}
        brokers = {plan.FLOOR: enter(contenders.floor())}
        ports = {"fast": plcs[plan.FAST].port, "slow": plcs[plan.SLOW].port}
        for name, apart in ((plan.ONE, False), (plan.APART, True)):
            brokers[name] = enter(contenders.plcmq(folder, ports, host_apart=apart))
        for broker, device in itertools.product(brokers.values(), ports):
            uvloop.run(until_it_answers(broker.endpoint, device))
        ready = plan.Stage(plcs, brokers)
        if found_peers is not None:
            ready.proxies = {
                name: enter(peers.modbus_proxy(found_peers, plc.port)) for name, plc in plcs.items()
            }
            ready.pyleco = enter(peers.pyleco(found_peers, max(plan.PYLECO_CLIENTS)))
        yield ready


def measure(ready, rounds, seconds, console):
    """Runs the plan once to warm up, and then in rounds."""
    lines = plan.lines(ready)
    collected = [Rounds(line) for line in lines]
    steps = [(number, *pair) for number in range(rounds + 1) for pair in zip(lines, collected, strict=True)]
    for number, line, rounds_of_line in track(steps, "measuring", console=console, transient=True):
        before = state(ready, line)
        latencies, total = line.load(seconds if number else seconds * WARM_UP)
        after = state(ready, line)
        if number:
            modbus, plc_cpu, cpu = (late - early for late, early in zip(after, before, strict=True))
            rounds_of_line.add(latencies, total, Meanwhile(modbus, plc_cpu, cpu if line.pids else None))
    return [rounds_of_line.row() for rounds_of_line in collected]


def state(ready, line):
    """Modbus requests so far, processor time of the PLC, and of the contender."""
    plc = ready.plcs.get(line.plc)
    usage = plc.usage() if plc else contenders.Usage(0, 0.0)
    return usage.requests, usage.cpu, contenders.cpu_of(line.pids)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--quick", action="store_true", help="one short round: whether it works, not how fast"
    )
    parser.add_argument("--rounds", type=int, help="default 5")
    parser.add_argument("--seconds", type=float, help="of each line in each round; default 0.7")
    parser.add_argument("--peers", type=Path, default=ROOT / "build" / "peers", help="their environment")
    parser.add_argument("--json", type=Path, default=OUTPUT / "bench.json")
    parser.add_argument("--publish", action="store_true", help="put table and plots into docs/")
    chosen = parser.parse_args()
    chosen.rounds = chosen.rounds or (1 if chosen.quick else 5)
    chosen.seconds = chosen.seconds or (0.3 if chosen.quick else 0.7)
    return chosen


def main():
    chosen = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (most, most)
    )  # 1,000 connections are more than the usual limit
    gc.freeze()  # what has been imported stays: looking through it would be in the latencies
    console = Console()
    found_peers = chosen.peers if (chosen.peers / "bin" / "modbus-proxy").exists() else None
    if found_peers is None:
        console.print("without modbus-proxy and pyleco: `make bench` installs them")
    with stage(found_peers) as ready:
        rows = measure(ready, chosen.rounds, chosen.seconds, console)
    met = targets(rows)
    conditions = report.conditions(chosen.rounds, chosen.seconds, chosen.peers if found_peers else None)
    report.show(console, rows, met, conditions)
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    chosen.json.write_text(json.dumps({"conditions": conditions, "rows": as_json(rows)}, indent=1))
    drawn = publish.PLOTS if chosen.publish else OUTPUT
    written = plots.draw(rows, drawn)
    if chosen.publish:
        publish.publish(report.markdown(rows, met, conditions))
    for path in [chosen.json, *written]:
        console.print(f"written: {path}", soft_wrap=True)


if __name__ == "__main__":
    main()
