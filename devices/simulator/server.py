"""The listening socket of an endpoint: who gets in, who is turned away, and when nobody can.

Strategy: the listening socket is ours, so that a connection can be refused, reset or muted before it has a
transport, and so that unplugging is immediate; a second, never listening socket keeps the port reserved
meanwhile. What happens to requests is in `connection`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from .connection import LINGER_NONE, PlcConnection
from .endpoint import SimulatedEndpoint
from .evidence import Ending
from .faults.base import Admission, Close, Fault, Peer, Scene

CLOSE_TIME = 1.0  # seconds that a connection has for its orderly end


class ModbusServer:
    """Serves an endpoint on one TCP port of the running event loop.

    Attributes:
        endpoint: what it serves.
        host: the IP address it serves on.
        port: its port; the real one once it has started with 0.
        connections: those that are open.
    """

    def __init__(self, endpoint: SimulatedEndpoint, host: str = "127.0.0.1", port: int = 0) -> None:
        self.endpoint = endpoint
        self.host, self.port = host, port
        self.connections: list[PlcConnection] = []
        endpoint.serving = True
        self._loop = asyncio.get_running_loop()
        self._plugged = False
        self._number = 0
        self._listener: socket.socket | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._attaching: set[asyncio.Task[None]] = set()
        self._reservation = self._bound()
        self.port = self._reservation.getsockname()[1]
        with self._scene() as scene:
            for fault in endpoint.faults:
                fault.start(scene)
        try:
            self.plug_in()
        except OSError:
            self._reservation.close()
            raise

    async def stop(self) -> None:
        """Stops listening and closes every connection with FIN; returns when all are gone."""
        self.endpoint.serving = False
        self.unplug(Close.FIN)
        await self.emptied()
        self._reservation.close()

    async def emptied(self) -> None:
        """Waits until the connections are gone that are being ended; resets those that do not go."""
        if self._attaching:
            await asyncio.wait(self._attaching)
        if left := [connection.gone for connection in self.connections]:
            await asyncio.wait(left, timeout=CLOSE_TIME)
        for connection in self.connections[:]:
            connection.end(Close.RST)
        if left := [connection.gone for connection in self.connections]:
            await asyncio.wait(left)

    def plug_in(self) -> None:
        """Listens again on the same port.

        Raises:
            OSError: the port is taken.
        """
        self._plugged = True
        self.attend()

    def unplug(self, how: Close = Close.RST) -> None:
        """Stops listening, so that connecting is refused, and ends every connection."""
        self._plugged = False
        self.attend()
        for connection in self.connections[:]:
            connection.end(how)

    def add(self, fault: Fault) -> None:
        """Puts a fault to work."""
        self.endpoint.faults.append(fault)
        with self._scene() as scene:
            fault.start(scene)
        self.endpoint.count_faults()
        self.attend()

    def remove(self, fault: Fault) -> None:
        """Takes a fault out again. What it has done to requests under way stays done."""
        if fault in self.endpoint.faults:
            self.endpoint.count_faults()
            self.endpoint.faults.remove(fault)
            with self._scene() as scene:
                fault.stop(scene)
        self.attend()

    def attend(self) -> None:
        """Listens if the faults let it, and sets the alarm for the next fault that has a time."""
        faults = self.endpoint.faults
        with self._scene() as scene:
            self._listen(self._plugged and not any(fault.refuses(scene) for fault in faults))
            times = [at for fault in faults if (at := fault.wake_at(scene)) is not None]
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._loop.call_at(min(times), self._wake) if times and self._plugged else None

    @contextmanager
    def _scene(self) -> Iterator[Scene]:
        """What faults are shown; carries out their cuts afterwards."""
        peers = [connection.peer for connection in self.connections]
        scene = Scene(monotonic(), peers, self.endpoint.units)
        yield scene
        for peer, close in scene.cuts:
            for connection in self.connections[:]:
                if connection.peer is peer:
                    connection.end(close)

    def _wake(self) -> None:
        with self._scene() as scene:
            for fault in self.endpoint.faults[:]:
                fault.wake(scene)
        self.endpoint.count_faults()
        self.attend()
        self.endpoint.evidence.notify()

    def _listen(self, wanted: bool) -> None:
        if wanted and self._listener is None:
            listener = self._bound()
            try:
                listener.listen(256)
            except OSError:
                listener.close()
                raise
            self._listener = listener
            self._loop.add_reader(listener, self._accept, listener)
        elif not wanted and self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        try:
            arrived, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        now = monotonic()
        self._number += 1
        peer = Peer(self._number, opened=now, active=now)
        self.endpoint.evidence.sockets.add()
        admission = self._admit(peer)
        self.endpoint.count_faults()
        if admission in (Admission.FIN, Admission.RST):
            self._turn_away(arrived, admission)
        else:
            self._admitted(arrived, peer)
        self.attend()
        self.endpoint.evidence.notify()

    def _admit(self, peer: Peer) -> Admission:
        verdict = Admission.SERVE
        with self._scene() as scene:
            for fault in self.endpoint.faults:
                admission = fault.accept(scene)
                if verdict is Admission.SERVE and admission is not None:
                    verdict = admission
        peer.mute = verdict is Admission.MUTE
        return verdict

    def _turn_away(self, arrived: socket.socket, admission: Admission) -> None:
        if admission is Admission.RST:
            arrived.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
        arrived.close()
        self.endpoint.evidence.sockets.turned_away += 1
        self.endpoint.evidence.sockets.remove(Ending.SERVER)

    def _admitted(self, arrived: socket.socket, peer: Peer) -> None:
        arrived.setblocking(False)
        connection = PlcConnection(self.endpoint, peer, self._gone)
        self.connections.append(connection)
        task = self._loop.create_task(self._attach(connection, arrived))
        self._attaching.add(task)
        task.add_done_callback(self._attaching.discard)

    async def _attach(self, connection: PlcConnection, arrived: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: connection, arrived)
        except OSError as exc:
            arrived.close()
            connection.connection_lost(exc)

    def _gone(self, connection: PlcConnection) -> None:
        self.connections.remove(connection)
        with self._scene() as scene:
            for fault in self.endpoint.faults:
                fault.ended(scene, connection.peer)
        self.attend()
        self.endpoint.evidence.notify()

    def _bound(self) -> socket.socket:
        family = socket.AF_INET6 if ipaddress.ip_address(self.host).version == 6 else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.setblocking(False)
            bound.bind((self.host, self.port))
        except OSError:
            bound.close()
            raise
        return bound
