"""The demo's story: a batch, the rapid clicks, an unplugged PLC. Every claim is checked before it is made.

Strategy: what is told comes from the outside: from replies, from the simulated PLCs' own count of sockets,
and from a Modbus master of a dozen lines that shares no code with the rest.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ....client import Connection, PlcmqError, get_conn
from .stage import DemoFailed, Program, wait_for
from .voice import Voice, in_words

CLICKS = 60
THREADS = 20
AT_ONCE = 0.1  # seconds within which a caller must hear that a PLC is away
BATCH = {"batch_size": 15, "nok_num": 3}


@dataclass(slots=True)
class Press:
    """A simulated press: where it is, and how to switch it off and on."""

    name: str
    host: str
    port: int
    program: Program
    report: Path  # what it counted, written when it ends
    switch_on: Callable[[], Program]

    def switch_off(self) -> dict[str, Any]:
        """Ends its process; what it has counted until then."""
        self.program.close()
        report: dict[str, Any] = json.loads(self.report.read_text())
        return report


def batch(voice: Voice, broker: str, press: Press) -> None:
    """One request runs a whole handshake."""
    voice.scene(f"A batch on {press.name}")
    voice.say(
        "A service asks for what it wants. Registers, order of writing, handshake and limits are declared in "
        "the press's profile, not coded in every service."
    )
    voice.line()
    voice.sent('conn.request(action="start_batch",', f"             rqargs={json.dumps(BATCH)})")
    with get_conn(broker, device=press.name) as conn:
        started = time.perf_counter()
        reply = conn.request("start_batch", BATCH)
        voice.answered(reply, time.perf_counter() - started)
    size, limit = read_holding(press.host, press.port, 0, 2)
    voice.line()
    voice.say("An independent Modbus master, on a socket of its own, looks at the press:")
    voice.holds(
        (size, limit) == (BATCH["batch_size"], BATCH["nok_num"]),
        f"holding:0 = {size} (batch size), holding:1 = {limit} (failures allowed)",
    )


def clicks(voice: Voice, broker: str, press: Press) -> None:
    """Many callers, each with a connection of its own, and a PLC that takes one."""
    voice.scene(f"The sixth click: {CLICKS} clicks, one socket")
    voice.say(
        f'{press.name} takes one TCP connection, as many PLCs do. {THREADS} threads click "start" {CLICKS} '
        "times, each click with a connection of its own to the broker, as web services do. Without an owner "
        "for the PLC, the sixth click hangs."
    )
    voice.line()
    before = _batch_no(broker, press)
    started = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as threads:
        answers = Counter(threads.map(lambda _: _click(broker, press), range(CLICKS)))
    took = time.perf_counter() - started
    batches = _batch_no(broker, press) - before
    voice.holds(
        answers.total() == CLICKS, f"{CLICKS} of {CLICKS} clicks were answered within {in_words(took)}"
    )
    voice.holds(
        answers["started"] == batches >= 1 and set(answers) <= {"started", "refused"},
        f"{answers['started']} started a batch, and the press counted {batches}; {answers['refused']} were "
        "told that it runs already, and that nothing was written for them",
    )


def unplugged(voice: Voice, broker: str, press: Press, other: Press) -> None:
    """A PLC goes away, and comes back."""
    voice.scene(f"Somebody unplugs {press.name}")
    pid = press.program.pid
    counted = press.switch_off()
    peak = peak_sockets(counted)
    voice.say(f"Its process {pid} is ended. What it had counted until then:")
    voice.holds(peak == 1, f"never more than {peak} socket at the PLC, through all those clicks")
    voice.line()
    with get_conn(broker, timeout=2) as conn:
        error, took = _error_of(lambda: conn.request("read", {"tags": "state"}, device=press.name))
        voice.sent(f'conn.request(action="read", rqargs={{"tags": "state"}}, device="{press.name}")')
        voice.answered(f"{error.code}, {error.outcome}: {error.message}", took)
        voice.holds(
            error.code == "device_down" and took < AT_ONCE,
            "the caller hears at once what is the matter, and that nothing was done",
        )
        started = time.perf_counter()
        temperature = conn.read(other.name, "temperature")
        took = time.perf_counter() - started
        voice.holds(took < 1, f"{other.name} goes on: {temperature} degC in {in_words(took)}")
        press.program = press.switch_on()
        voice.line()
        voice.say("It is plugged in again. Nobody restarts anything:")
        after = wait_for(f"{press.name} answers again", lambda: _answers(conn, press))
        voice.holds(True, f"{press.name} answers again by itself, {in_words(after)} later")


def _click(broker: str, press: Press) -> str:
    """One click of an impatient person: connect, ask, close."""
    with get_conn(broker, device=press.name, timeout=20) as conn:
        try:
            conn.request("start_batch", BATCH)
        except PlcmqError as error:
            runs_already = error.code == "action_failed" and error.outcome == "not_executed"
            return "refused" if runs_already else str(error)
    return "started"


def _batch_no(broker: str, press: Press) -> int:
    with get_conn(broker) as conn:
        return int(conn.read(press.name, "batch_no"))


def _answers(conn: Connection, press: Press) -> bool:
    try:
        conn.read(press.name, "state")
    except PlcmqError:
        return False
    return True


def _error_of(ask: Callable[[], object]) -> tuple[PlcmqError, float]:
    started = time.perf_counter()
    try:
        reply = ask()
    except PlcmqError as error:
        return error, time.perf_counter() - started
    raise DemoFailed(f"a PLC that is switched off answered {reply}")


def peak_sockets(report: dict[str, Any]) -> int:
    """The most sockets that a simulated PLC saw at once, by its report."""
    return max(int(endpoint["sockets"]["peak"]) for endpoint in report["endpoints"].values())


def read_holding(host: str, port: int, address: int, count: int) -> list[int]:
    """Holding registers, read by a Modbus master that is no part of plcmq (function code 3, unit 1).

    Raises:
        OSError: the PLC does not answer.
    """
    request = struct.pack(">HHHBBHH", 1, 0, 6, 1, 3, address, count)
    with socket.create_connection((host, port), timeout=5) as plc, plc.makefile("rb") as replies:
        plc.sendall(request)
        reply = replies.read(9 + 2 * count)
    if len(reply) != 9 + 2 * count:
        raise OSError(f"no reply of {count} registers but {reply.hex()}")
    return list(struct.unpack(f">{count}H", reply[9:]))
