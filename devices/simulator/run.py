"""Runs the simulated PLCs of a site until told to stop: the shell under `plcmq simulate`.

Strategy: prints nothing; the caller gets a list of what is served, and shows it. Fault scripts are played by
one task for each of their lines and endpoints. The report is written on every way out.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

from ..model.devices import Site
from .faults.script import FaultEntry, load_script
from .plc import SimulatedPlc
from .site import LIVELY, Served, SimulatedSite, rewrite


async def simulate(
    site: Site,
    *,
    ready: Callable[[Sequence[Served]], None],
    stop: asyncio.Event,
    report: Path | None = None,
    faults: Path | None = None,
    source: Path | None = None,
    write_site: Path | None = None,
) -> None:
    """Serves a simulated PLC for every endpoint of a site until `stop` is set.

    Args:
        site: what to serve.
        ready: called once all is served and written, with what is served.
        stop: ends it.
        report: where to write the evidence at the end, as JSON.
        faults: a fault script to play.
        source: the site file; needed for `write_site`.
        write_site: where to write the site file that points at what is served.

    Raises:
        ServeError: an endpoint cannot be served.
        ScriptError: the fault script is wrong.
        OSError: a file cannot be read or written.
    """
    simulated = SimulatedSite(site, pace=LIVELY)
    script = [] if faults is None else load_script(faults, simulated.names())
    async with simulated:
        try:
            if write_site is not None and source is not None:
                write_rewritten(simulated, source, write_site)
            ready(simulated.served())
            await _play_until(stop, simulated, script)
        finally:
            if report is not None:
                await simulated.stop()
                write_report(simulated, report)


def write_report(simulated: SimulatedSite, path: Path) -> None:
    """Writes the evidence of all endpoints as JSON."""
    path.write_text(json.dumps(simulated.report(), indent=2) + "\n", "utf-8")


def write_rewritten(simulated: SimulatedSite, source: Path, path: Path) -> None:
    """Writes the site file again with the hosts and ports of what is served."""
    document = rewrite(yaml.safe_load(source.read_text("utf-8")), simulated.rewritten())
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), "utf-8")


async def _play_until(stop: asyncio.Event, simulated: SimulatedSite, script: Sequence[FaultEntry]) -> None:
    named = simulated.named()
    tasks: list[asyncio.Task[None]] = []
    for entry in script:
        names = entry.endpoints or [str(served.address) for served in simulated.served()]
        tasks.extend(asyncio.create_task(play(entry, name, named[name])) for name in names)
    try:
        await stop.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def play(entry: FaultEntry, name: str, plc: SimulatedPlc) -> None:
    """Plays one line of a fault script on one PLC, until it is over or cancelled."""
    loop = asyncio.get_running_loop()
    begin = loop.time() + entry.at
    fault = entry.make(name)
    while True:
        await asyncio.sleep(begin - loop.time())
        with plc.fault(fault):
            if entry.lasts is None:
                await asyncio.Event().wait()
            else:
                await asyncio.sleep(begin + entry.lasts - loop.time())
        if entry.every is None:
            return
        begin += entry.every
