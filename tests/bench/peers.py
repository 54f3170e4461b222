"""What users would take instead of plcmq: modbus-proxy and pyleco, run from an environment of their own.

Strategy: both run as their documents have it, as separate programs, and both get the better of each doubt.
modbus-proxy logs nothing for a request. pyleco's component answers from memory, without a PLC, so no time
is added to its path; each of its clients is a process, since one with eight threads was no faster.
"""

import json
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from contenders import Running, program
from loads import recorded

_ENDS = Path(__file__).parent / "pyleco_ends.py"
_PATIENCE = 10.0  # seconds for a program to listen


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _wait_until_it_listens(port):
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


@contextmanager
def modbus_proxy(peers: Path, plc_port: int):
    """One modbus-proxy before one PLC; its endpoint is its port."""
    port = free_port()
    ends = ["--bind", f"127.0.0.1:{port}", "--modbus", f"tcp://127.0.0.1:{plc_port}"]
    with program(peers / "bin" / "modbus-proxy", *ends) as running:
        _wait_until_it_listens(port)
        yield Running(str(port), (running.pid,))


class Pyleco:
    """pyleco's coordinator, a component, and clients that wait to be told."""

    def __init__(self, clients):
        self._clients = clients

    def load(self, callers, seconds):
        """The latencies, and the seconds that it took, with so many clients at work."""
        print(json.dumps([callers, seconds]), file=self._clients.stdin, flush=True)
        line = self._clients.stdout.readline()
        if not line:
            raise RuntimeError("pyleco's clients have ended")
        times, total = json.loads(line)
        return recorded(times), total


@contextmanager
def pyleco(peers: Path, clients: int):
    """pyleco's RPC with up to so many clients."""
    port = free_port()
    python = peers / "bin" / "python"
    with program(
        peers / "bin" / "coordinator",
        "-q",
        "-q",
        "--host",
        "127.0.0.1",
        "-p",
        port,
        stdout=subprocess.DEVNULL,
    ):
        _wait_until_it_listens(port)
        ends = [_ENDS, port, clients]
        with program(python, *ends, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
            if running.stdout.readline() != "ready\n":
                raise RuntimeError("pyleco's clients do not start")
            yield Pyleco(running)
