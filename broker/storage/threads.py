"""The registry's face for event loops.

Strategy: one thread of its own, in which every call runs, one after the other; the loop only awaits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ...devices.site.definitions.content import SiteContent, Snapshot
from ...devices.site.definitions.diff import Changes
from .registry import Registry

T = TypeVar("T")


class RegistryThread:
    """A registry for an event loop: the same calls as coroutines, one after the other in one thread.

    A cancelled call still runs to its end in the thread; its transaction is whole.

    Args:
        registry: whose calls; nobody else may use it meanwhile.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="plcmq-registry")

    async def __aenter__(self) -> RegistryThread:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.close()

    async def open(self) -> None:
        """As `Registry.open`."""
        await self.run(Registry.open)

    async def close(self) -> None:
        """Closes the connection and ends the thread. Idempotent."""
        try:
            await self.run(Registry.close)
        except RuntimeError:
            return  # the thread has ended before
        self._thread.shutdown()

    async def revision(self) -> int:
        """As `Registry.revision`."""
        return await self.run(Registry.revision)

    async def snapshot(self) -> Snapshot:
        """As `Registry.snapshot`."""
        return await self.run(Registry.snapshot)

    async def apply(self, site: SiteContent, *, prune: bool = False, dry_run: bool = False) -> Changes:
        """As `Registry.apply`."""
        return await self.run(lambda registry: registry.apply(site, prune=prune, dry_run=dry_run))

    async def set_enabled(self, device: str | int, enabled: bool) -> bool:
        """As `Registry.set_enabled`."""
        return await self.run(lambda registry: registry.set_enabled(device, enabled))

    async def remove(self, device: str | int) -> None:
        """As `Registry.remove`."""
        await self.run(lambda registry: registry.remove(device))

    async def run(self, call: Callable[[Registry], T]) -> T:
        """What a call gives that runs in the registry's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, self._registry)
