"""The processes of the soak: broker, host and clients, started, killed, and watched from outside."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = os.sysconf("SC_PAGE_SIZE")
LOAD = Path(__file__).with_name("load.py")


class Program:
    """A process of Python."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def start(
        cls, *arguments: str, log: Path | None = None, stdout: int = subprocess.DEVNULL
    ) -> Program:
        stderr = subprocess.DEVNULL if log is None else log.open("ab")
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdout=stdout, stderr=stderr, limit=1 << 20
        )
        return cls(process)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def has_died(self) -> bool:
        """Whether it has ended."""
        return self.process.returncode is not None

    async def kill(self) -> None:
        """SIGKILL."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def end(self) -> int:
        """SIGTERM; the exit status."""
        self.process.terminate()
        return await self.process.wait()

    async def sleep(self, seconds: float) -> None:
        """SIGSTOP, and SIGCONT after a time."""
        if self.has_died:
            return
        self.process.send_signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self.process.send_signal(signal.SIGCONT)

    def memory(self) -> float:
        """Resident memory in MiB."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * PAGE / (1 << 20)

    def descriptors(self) -> int:
        """Open file descriptors."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))


class Client(Program):
    """A process of the load; `hears` gets each of its messages."""

    reader: asyncio.Task[None]

    @classmethod
    async def run(cls, config: dict[str, Any], hears: Callable[[dict[str, Any]], None], log: Path) -> Client:
        client = await cls.start(str(LOAD), json.dumps(config), log=log, stdout=subprocess.PIPE)
        assert isinstance(client, Client)
        client.reader = asyncio.create_task(client._read(hears))
        return client

    async def _read(self, hears: Callable[[dict[str, Any]], None]) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if line.endswith(b"\n"):  # else it was killed in the middle of it
                hears(json.loads(line))

    async def kill(self) -> None:
        """SIGKILL; returns when all that it has said is heard."""
        await super().kill()
        await self.reader


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
