"""`demo`: everything at work in half a minute, without a PLC.

Strategy: this file builds the stage as a user would, with the program's own commands: simulated presses,
a registry, a broker, a device host and the gateway, each a process of its own. The story is in `demo_tour`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import threading
from collections.abc import Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from ....client import Connection, PlcmqError, get_conn
from ..terminal.reporting import CommandFailed, reported
from . import tour as demo_tour
from .stage import DemoFailed, Program, Stage, stage, wait_for
from .tour import Press
from .voice import Voice

SITE = Path(__file__).with_name("site.yaml")
ONE_CONNECTION = Path(__file__).with_name("faults.yaml")
ELSEWHERE = "192.0.2.1"  # no loopback address, so that the simulator chooses a free port


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the tour instead of serving on.")] = False,
) -> None:
    """Show it all at work: two simulated PLCs, broker, device host, and what can happen to them.

    Everything runs on loopback, from a temporary directory, and is gone afterwards.

    Examples:

        plcmq demo

        plcmq demo --once
    """
    with reported(False):
        for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, _interrupt)  # also where a shell has put us into the background
        with stage() as built:
            try:
                _play(built, Voice(), once)
            except (DemoFailed, PlcmqError, OSError) as failed:
                raise CommandFailed("demo", [str(failed), *built.last_words()]) from failed


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _play(built: Stage, voice: Voice, once: bool) -> None:
    voice.title("plcmq: one owner for each PLC")
    voice.say("Real sockets, real processes; only the two presses are simulated.")
    voice.line()
    first, second = _presses(built)
    broker = _broker(built, voice, first, second)
    page = _gateway(built, voice, broker)
    demo_tour.batch(voice, broker, first)
    demo_tour.clicks(voice, broker, second)
    demo_tour.unplugged(voice, broker, second, first)
    voice.line()
    voice.title("All of it held.")
    if once:
        voice.say("Without --once the demo goes on serving, so that you can try it yourself.")
    else:
        _serve_on(voice, broker, page)


def _presses(built: Stage) -> tuple[Press, Press]:
    """Two simulated presses; the second takes one connection only."""
    from ....devices.site.definitions.content import SiteContent
    from ....devices.site.definitions.export import site_text
    from ....devices.site.load import load_site

    content = load_site(SITE)
    forms = {str(form["name"]): form for form in content.devices}
    for name, form in forms.items():
        apart = SiteContent(content.profiles, ({**form, "host": ELSEWHERE},))
        (built.directory / f"{name}.yaml").write_text(site_text(apart), encoding="utf-8")
    started = {name: _simulate(built, name, f"{name}.yaml") for name in forms}
    presses = []
    served: list[Mapping[str, Any]] = []
    for name, program in started.items():
        program.wait_ready()
        (form,) = load_site(built.directory / f"{name}.served.yaml").devices
        served.append(form)
        report = built.directory / f"{name}.report.json"
        switch_on = partial(_simulate, built, name, f"{name}.served.yaml")
        presses.append(Press(name, form["host"], form.get("port", 502), program, report, switch_on))
    site = site_text(SiteContent(content.profiles, tuple(served)))
    (built.directory / "site.yaml").write_text(site, encoding="utf-8")
    first, second = presses
    return first, second


def _simulate(built: Stage, name: str, site: str) -> Program:
    files = ("--write-site", f"{name}.served.yaml", "--report", f"{name}.report.json")
    faults = ("--faults", str(ONE_CONNECTION)) if name == "press-2" else ()
    return built.start(name, "simulate", site, *files, *faults, "--json")


def _broker(built: Stage, voice: Voice, first: Press, second: Press) -> str:
    """The registry, the broker and the device host; returns where clients connect."""
    built.run("apply", "apply", "site.yaml", "--json")
    free = "tcp://127.0.0.1:0"
    broker = built.start("broker", "serve", "--no-host", "--bind", free, "--host-bind", free, "--json")
    broker.wait_ready()
    host = built.start("host", "host", "--broker", str(broker.ready["host_bind"]), "--name", "demo")
    address = str(broker.ready["bind"])
    with get_conn(address) as conn:
        wait_for("a device host that serves both presses", lambda: _all_up(conn))
    for press, remark in ((first, ""), (second, ", takes one connection only")):
        voice.fact(press.name, f"{press.host}:{press.port}, process {press.program.pid}{remark}")
    voice.fact("broker", f"{address}, process {broker.pid}")
    voice.fact("host", f"owns the one socket to each press, process {host.pid}")
    return address


def _gateway(built: Stage, voice: Voice, broker: str) -> str:
    """The HTTP gateway; the address of its page, or nothing where its extra is not installed."""
    if any(find_spec(name) is None for name in ("uvicorn", "fastapi_offline", "websockets")):
        voice.fact("page", "none; pip install 'plcmq[gateway]' brings it")
        return ""
    gateway = built.start("gateway", "gateway", "--bind", "127.0.0.1:0", "--broker", broker, "--json")
    gateway.wait_ready()
    page = f"{gateway.ready['url']}/"
    voice.fact("page", f"{page}, process {gateway.pid}")
    return page


def _all_up(conn: Connection) -> bool:
    return all(row["state"] in ("up", "idle") for row in conn.devices()["devices"])


def _program() -> str:
    """How the reader can start this very program."""
    script = Path(sys.executable).with_name("plcmq")
    if shutil.which("plcmq"):
        return "plcmq"
    return os.path.relpath(script) if script.exists() else f"{sys.executable} -m plcmq.broker.cli"


def _serve_on(voice: Voice, broker: str, page: str) -> None:
    """Leaves the stage to the audience until Ctrl-C."""
    host, _, port = broker.removeprefix("tcp://").rpartition(":")
    if page:
        voice.say("Both presses, live, with their actions as buttons:")
        voice.command(page)
    voice.say("Your turn; it goes on until Ctrl-C. From another terminal:")
    voice.command(f"export PLCMQ_BROKER={broker}")
    voice.command(f"{_program()} call press-1 start_batch batch_size=20 nok_num=2")
    voice.command(f"{_program()} read press-2 temperature state")
    voice.say("or from Python:")
    voice.command("from plcmq.client import get_conn")
    voice.command(f'conn = get_conn("{host}", {port}, device="press-1")')
    voice.command('print(conn.request(action="start_batch", rqargs={"batch_size": 20}))')
    voice.command("conn.close()")
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    voice.line()
    voice.say("Closing every socket and ending every process.")
