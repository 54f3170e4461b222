"""Simulated PLCs in a thread of their own, for tests that block.

    with RunningSimulator(SimulatedPlc(profile)) as simulator:
        simulator.plc.port
        with simulator.fault(Blackhole()): ...
        simulator.wait_until(lambda e: e.requests >= 3)

Strategy: one thread with one event loop; whatever touches the simulator runs there, and the caller waits for
it. `plc` itself may be read for what does not change (its port); everything else goes through `call`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

from .evidence import Evidence, Json
from .faults.base import Close, Fault
from .plc import SimulatedPlc
from .site import ServeError, SimulatedSite

Result = TypeVar("Result")
AnyFault = TypeVar("AnyFault", bound=Fault)
START_TIME = 10.0  # seconds


class RunningSimulator:
    """Runs a simulated PLC or site in a thread, from `with` to its end.

    Args:
        simulated: not started yet.
    """

    def __init__(self, simulated: SimulatedPlc | SimulatedSite) -> None:
        self.simulated = simulated
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._error: BaseException | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="plcmq-simulator", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(START_TIME):
            raise TimeoutError("the simulator's thread did not start")
        if self._error is not None:
            self._thread.join()
            raise self._error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def plc(self) -> SimulatedPlc:
        """The simulated PLC; of a site the only one.

        Raises:
            LookupError: a site has another number of them: ask `simulated.plc(device)`.
        """
        if isinstance(self.simulated, SimulatedPlc):
            return self.simulated
        plcs = {id(plc): plc for plc in self.simulated.plcs.values()}
        if len(plcs) != 1:
            raise LookupError(f"the site has {len(plcs)} simulated PLCs")
        return next(iter(plcs.values()))

    def call(self, function: Callable[[], Result]) -> Result:
        """Runs a function in the simulator's thread, and returns what it returns."""

        async def run() -> Result:
            return function()

        loop = self._running()
        return asyncio.run_coroutine_threadsafe(run(), loop).result()

    def snapshot(self, plc: SimulatedPlc | None = None) -> dict[str, Json]:
        """The evidence of a PLC now; see `Evidence`."""
        return self.call((plc or self.plc).evidence.snapshot)

    def wait_until(
        self, condition: Callable[[Evidence], bool], within: float = 10.0, plc: SimulatedPlc | None = None
    ) -> None:
        """Waits until a condition on the evidence holds; it runs in the simulator's thread.

        Raises:
            TimeoutError: it did not hold within so many seconds.
        """
        loop, evidence = self._running(), (plc or self.plc).evidence
        asyncio.run_coroutine_threadsafe(evidence.wait_until(condition, within), loop).result()

    def unplug(self, how: Close = Close.RST, plc: SimulatedPlc | None = None) -> None:
        """Closes the port and ends every connection; returns when they are gone."""
        loop = self._running()
        asyncio.run_coroutine_threadsafe((plc or self.plc).unplug(how), loop).result()

    def plug_in(self, plc: SimulatedPlc | None = None) -> None:
        """Listens again, on the same port."""
        loop = self._running()
        asyncio.run_coroutine_threadsafe((plc or self.plc).plug_in(), loop).result()

    @contextmanager
    def fault(self, fault: AnyFault, plc: SimulatedPlc | None = None) -> Iterator[AnyFault]:
        """A fault at work for the time of a `with` block."""
        struck = plc or self.plc
        self.call(lambda: struck.add(fault))
        try:
            yield fault
        finally:
            self.call(lambda: struck.remove(fault))

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("the simulator is not running: use `with`")
        return self._loop

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            await self.simulated.__aenter__()
        except (OSError, ServeError) as exc:
            self._error = exc
            return
        finally:
            self._ready.set()
        await self._stop.wait()
        await self.simulated.__aexit__(None, None, None)
