"""`bench`: load on a running broker, and what came of it.

Strategy: what people type becomes one plan, and is refused before anything is asked where it makes none, or
where it would change a device and nobody has allowed that. How it is asked is `client.load`'s business.
"""

from __future__ import annotations

import asyncio
import datetime
import functools
import gc
import json
import os
import random
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from ....client import get_conn
from ....client.load.mix import Device, Mix, Operation, one_tag_at_a_time
from ....client.load.schedule import ClosedLoop, Load, OpenLoop
from ....client.protocol.bodies import Codec
from ...config import ClientSettings, load
from ..terminal import render
from ..terminal.arguments import device_of
from ..terminal.options import BrokerOption, ConfigOption, JsonOption, TimeoutOption
from ..terminal.reporting import FAILED, CommandFailed, reported
from .mix import operations
from .options import (
    IN_FLIGHT,
    AllowWritesOption,
    CallOption,
    CodecOption,
    ConnectionsOption,
    DevicesArgument,
    DurationOption,
    FailOverP99Option,
    FailUnderRateOption,
    InFlightOption,
    OutputOption,
    RateOption,
    ReadOption,
    SeedOption,
    WarmUpOption,
    WriteOption,
)
from .report import print_begin, print_result


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
    connections: ConnectionsOption = 1,
    codec: CodecOption = Codec.MSGPACK,
    seed: SeedOption = None,
    output: OutputOption = None,
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

        plcmq bench press-1 --rate 500 --duration 60 --output result.json

        plcmq bench press-1 --read state:8 --write nok_limit=3:1 --allow-writes
    """
    wanted = _operations(read or [], write or [], call or [], allow_writes=allow_writes)
    schedule = _schedule(rate, in_flight)
    if output is not None and not output.parent.is_dir():  # better now than when the load is over
        raise typer.BadParameter(f"{output}: there is no such directory")
    with reported(as_json):
        settings = load({"broker": broker, "timeout": timeout}, os.environ, config).client
        wanted_load = Load(
            mix=_mix(settings, devices, wanted),
            schedule=schedule,
            endpoint=settings.broker,
            duration=duration,
            warm_up=warm_up,
            connections=connections,
            codec=codec,
            timeout=settings.timeout,
            seed=random.randrange(1_000_000) if seed is None else seed,
        )
        document = _run(wanted_load, as_json, output)
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


def _schedule(rate: float | None, in_flight: int | None) -> OpenLoop | ClosedLoop:
    if rate is None:
        return ClosedLoop(IN_FLIGHT if in_flight is None else in_flight)
    if in_flight is not None:
        raise typer.BadParameter("--rate is an open loop and --in-flight a closed one: give one of them")
    return OpenLoop(rate)


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


def _run(load: Load, as_json: bool, output: Path | None) -> dict[str, Any]:
    from ....client.load.generator import Generator, precise_loop
    from ....client.load.meter import Meter
    from ....client.load.result import result_of

    async def until_interrupted() -> Meter:
        """The first Ctrl-C ends the load early, the second one the command at once."""
        loop = asyncio.get_running_loop()

        def press() -> None:
            loop.remove_signal_handler(signal.SIGINT)
            generator.stop()

        async with Generator(load) as generator:
            loop.add_signal_handler(signal.SIGINT, press)
            return await generator.run()

    began = datetime.datetime.now().astimezone()
    if not as_json:
        print_begin(load)
    gc.freeze()  # what has been imported stays: looking through it would be in the latencies
    with asyncio.Runner(loop_factory=functools.partial(precise_loop, load.connections)) as runner:
        meter = runner.run(until_interrupted())
    document = result_of(load, meter, began.isoformat(" ", "seconds"))
    if output is not None:
        _write(output, json.dumps(document, indent=1) + "\n")
    if as_json:
        render.print_json(document)
    else:
        print_result(document)
    return document


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text)
    except OSError as error:
        raise CommandFailed("bench", [f"{file}: {error.strerror}"]) from error


def _judge(document: Mapping[str, Any], under_rate: float | None, over_p99: float | None) -> None:
    from ....client.load.result import misses

    missed = misses(document, under_rate, over_p99)
    requests = document["requests"]
    if not requests["succeeded"] and not document["stopped_early"]:
        missed.insert(0, f"none of {requests['due']:,} requests succeeded")
    if missed:
        render.print_problem(missed, "")
        raise typer.Exit(FAILED)
