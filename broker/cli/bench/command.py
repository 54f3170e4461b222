"""`bench`: load on a running broker, and what came of it.

Strategy: what people type becomes one plan, and is refused before anything is asked where it makes none, or
where it would change a device and nobody has allowed that. How it is asked is `client.load`'s business.
"""

from __future__ import annotations

import datetime
import json
import os
import random
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from ...client import get_conn
from ...client.load.mix import Device, Mix, Operation, one_tag_at_a_time
from ...client.load.plan import Plan
from ...client.load.schedule import ClosedLoop, OpenLoop, Schedule
from ...client.protocol.bodies import Codec
from ..config import ClientSettings, load
from .bench_mix import operations
from .bench_options import (
    IN_FLIGHT,
    AllowWritesOption,
    CallOption,
    CodecOption,
    ConnectionsOption,
    DevicesArgument,
    DurationOption,
    FailOverP99Option,
    FailUnderRateOption,
    HtmlOption,
    InFlightOption,
    OutputOption,
    ProcessesOption,
    RampOption,
    RateOption,
    ReadOption,
    SeedOption,
    WarmUpOption,
    WriteOption,
)
from .terminal import render
from .terminal.arguments import device_of
from .terminal.options import BrokerOption, ConfigOption, JsonOption, TimeoutOption
from .terminal.reporting import FAILED, CommandFailed, reported


def bench(
    devices: DevicesArgument,
    read: ReadOption = None,
    write: WriteOption = None,
    call: CallOption = None,
    allow_writes: AllowWritesOption = False,
    in_flight: InFlightOption = None,
    rate: RateOption = None,
    duration: DurationOption = 10.0,
    warm_up: WarmUpOption = 1.0,
    ramp: RampOption = 0.0,
    connections: ConnectionsOption = None,
    processes: ProcessesOption = 1,
    codec: CodecOption = Codec.MSGPACK,
    seed: SeedOption = None,
    output: OutputOption = None,
    html: HtmlOption = None,
    fail_under_rate: FailUnderRateOption = None,
    fail_over_p99: FailOverP99Option = None,
    broker: BrokerOption = None,
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put load on a broker, and measure how it answers.

    Without --read, --write and --call it reads one tag at a time, any that the devices have.
    Each may be given several times. Ctrl-C ends the load early and still reports.

    Status 1 if the broker cannot be reached, nothing succeeds, or a --fail option says so.

    Examples:

        plcmq bench press-1 press-2 --in-flight 100

        plcmq bench press-1 --rate 500 --duration 60 --ramp 10 --html report.html

        plcmq bench press-1 --read state:8 --write nok_limit=3:1 --allow-writes
    """
    wanted = _operations(read or [], write or [], call or [], allow_writes=allow_writes)
    schedule = _schedule(rate, in_flight, ramp)
    spread = _spread(schedule, connections, processes)
    _check_folders(output, html)
    with reported(as_json):
        settings = load({"broker": broker, "timeout": timeout}, os.environ, config).client
        plan = Plan(
            mix=_mix(settings, devices, wanted),
            schedule=schedule,
            endpoint=settings.broker,
            duration=duration,
            warm_up=warm_up,
            connections=spread,
            codec=codec,
            timeout=settings.timeout,
            seed=random.randrange(1_000_000) if seed is None else seed,
        )
        document = _run(plan, processes, as_json, output, html)
        _judge(document, fail_under_rate, fail_over_p99)


def _operations(
    reads: Sequence[str], writes: Sequence[str], calls: Sequence[str], *, allow_writes: bool
) -> list[Operation]:
    try:
        wanted = operations(reads, writes, calls)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    changing = [operation.name for operation in wanted if operation.may_change]
    if changing and not allow_writes:
        names = ", ".join(repr(name) for name in changing)
        raise typer.BadParameter(
            f"{names} may change the devices, thousands of times. "
            "If these are no machines that could be harmed, say so with --allow-writes."
        )
    return wanted


def _schedule(rate: float | None, in_flight: int | None, ramp: float) -> Schedule:
    if rate is None:
        return ClosedLoop(IN_FLIGHT if in_flight is None else in_flight, ramp)
    if in_flight is not None:
        raise typer.BadParameter("--rate is an open loop and --in-flight a closed one: give one of them")
    return OpenLoop(rate, ramp)


def _spread(schedule: Schedule, connections: int | None, processes: int) -> int:
    if connections is None:
        connections = processes
    if connections < processes:
        raise typer.BadParameter(f"{processes} processes need at least as many --connections")
    if isinstance(schedule, ClosedLoop) and schedule.in_flight < processes:
        raise typer.BadParameter(f"{processes} processes need at least as many requests --in-flight")
    return connections


def _check_folders(*files: Path | None) -> None:
    """Better now than when the load is over."""
    for file in files:
        if file is not None and not file.parent.is_dir():
            raise typer.BadParameter(f"{file}: there is no such directory")


def _mix(settings: ClientSettings, devices: Sequence[str], wanted: Sequence[Operation]) -> Mix:
    """The mix, after a look whether the devices exist.

    Raises:
        PlcmqError: there is no broker, or it has no such device.
    """
    own: dict[Device, Sequence[Operation]] = {}
    conn = get_conn(settings.broker, connect_timeout=min(2.0, settings.timeout))
    try:
        for device in map(device_of, devices):
            description = conn.request(action="describe", device=device, timeout=settings.timeout)
            own[device] = wanted or one_tag_at_a_time(description)
    finally:
        conn.close()
    try:
        return Mix(own)
    except ValueError as error:
        raise CommandFailed("bench", [str(error)]) from None


def _run(plan: Plan, processes: int, as_json: bool, output: Path | None, html: Path | None) -> dict[str, Any]:
    from ...client.load.processes import run_load
    from ...client.load.summary import result_of
    from .bench_board import Board, print_result, showing

    write_report = _reporter(html)
    board = Board(plan, processes)
    began = datetime.datetime.now().astimezone()
    with showing(board, quiet=as_json) as show, _until_interrupted() as stopped:
        lasted = run_load(plan, processes, board.take, show, stopped)
    document = result_of(plan, board.totals, lasted, processes, began.isoformat(" ", "seconds"))
    write_report(document)
    if output is not None:
        _write(output, json.dumps(document, indent=1) + "\n")
    if as_json:
        render.print_json(document)
    else:
        print_result(document)
    return document


def _reporter(file: Path | None) -> Callable[[Mapping[str, Any]], None]:
    """What writes the HTML report; its library is looked for before the load, not after."""
    if file is None:
        return lambda _document: None
    from ...client.load.report_html import report

    return lambda document: _write(file, report(document))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text)
    except OSError as error:
        raise CommandFailed("bench", [f"{file}: {error.strerror}"]) from error


@contextmanager
def _until_interrupted() -> Iterator[Callable[[], bool]]:
    """Tells whether there was a Ctrl-C. The second one ends the command at once."""
    pressed = False

    def press(_number: int, _frame: object) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _judge(document: Mapping[str, Any], under_rate: float | None, over_p99: float | None) -> None:
    from ...client.load.summary import misses

    missed = misses(document, under_rate, over_p99)
    requests = document["requests"]
    if not requests["succeeded"] and not document["stopped_early"]:
        missed.insert(0, f"none of {requests['due']:,} requests succeeded")
    if missed:
        render.print_problem(missed, "")
        raise typer.Exit(FAILED)
