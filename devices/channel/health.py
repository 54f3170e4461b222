"""Whether an endpoint, and each unit behind it, can be relied on; and when to try again if not.

Strategy: pure. The channel reports what happened, this decides what it means:

- A good reply makes everything well, and only a good reply does: that a device accepts a connection proves
  nothing, so the back-off does not start anew with it.
- A connection that worked and was lost is opened again at once. So is one after its first failure; a second
  failure in a row means down. A refused connection means down at once.
- While down nobody is kept waiting. One try at a time is made, at growing distances.
- With several units behind one endpoint (a gateway with a serial bus), a silent unit is down by itself; only
  if nobody answers any more is it the connection.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ..modbus.errors import Down
from ..model.devices import State

FIRST_DELAY: Final = 0.5  # seconds between the first failure and the next try
TRIES_PER_LINK: Final = 2  # unanswered requests after which a connection is not tried any further
SILENT_UNITS: Final = 2  # so many units, and
SILENT_REQUESTS: Final = 3  # so many requests unanswered with no good reply between: nobody answers
UNIT_SHARE: Final = 20.0  # a silent unit may cost the others one part in so many of the time
CLOSED_BY_DEVICE: Final = "the device closed"  # how a link's reason begins when the device ended it
IDLE_AGE: Final = 0.5  # seconds; a device that closes an unused connection earlier does not want it at all


@dataclass(slots=True)
class _Unit:
    """A unit that has failed to answer."""

    misses: int = 0
    retry_at: float | None = None  # down until a try that is made then; None: not down
    reason: str = ""


def spread() -> float:
    """The part of a delay that is waited, at random, so that not all come back at the same moment."""
    return random.uniform(0.75, 1.0)


class Health:
    """What is known of one endpoint. Times are seconds of one monotonic clock.

    Attributes:
        state: up, idle, connecting or down.
        reason: why, for people.
        retry_at: while down, when the next try is made.
        several: whether more than one unit is behind the endpoint.
        changes: grows whenever the standing of the endpoint or of a unit changes.
    """

    def __init__(self, endpoint: str, *, backoff_max: float, jitter: Callable[[], float] = spread) -> None:
        self.state = State.IDLE
        self.reason = "not connected yet"
        self.retry_at = 0.0
        self.several = False
        self.changes = 1
        self.backoff_max = backoff_max
        self._endpoint = endpoint
        self._jitter = jitter
        self._proven = False  # the present connection has brought a good reply
        self._failures = 0  # connections in a row that ended without a good reply
        self._tries = 0  # failed tries in a row while down
        self._attempt_at = 0.0
        self._misses = 0  # requests unanswered on this connection since its last good reply
        self._silent: set[int] = set()  # their units
        self._units: dict[int, _Unit] = {}

    @property
    def is_down(self) -> bool:
        """Whether callers fail at once."""
        return self.state is State.DOWN

    @property
    def has_silent_units(self) -> bool:
        """Whether some unit has failed to answer."""
        return bool(self._units)

    def standing(self, unit: int | None) -> tuple[State, str]:
        """State and reason as they are for one unit."""
        silent = self._units.get(unit) if unit is not None else None
        if self.state is State.UP and silent is not None and silent.retry_at is not None:
            return State.DOWN, silent.reason
        return self.state, self.reason

    def refusal(self, now: float, unit: int | None) -> Down | None:
        """The error for a caller who need not wait, because it is known that there will be no answer."""
        if self.state is State.DOWN:
            return Down(self.reason, max(0.0, self.retry_at - now))
        silent = self._units.get(unit) if unit is not None else None
        if silent is None or silent.retry_at is None:
            return None
        return Down(silent.reason, max(0.0, silent.retry_at - now))

    def next_unit(self) -> tuple[float, int] | None:
        """When which silent unit is to be tried next."""
        due = [(one.retry_at, unit) for unit, one in self._units.items() if one.retry_at is not None]
        return min(due, default=None)

    def demand(self) -> None:
        """Somebody wants the connection."""
        if self.state is State.IDLE:
            self._become(State.CONNECTING, "connecting")

    def attempt(self, now: float) -> None:
        """A try begins: a connection, or a request on one that stands although the device is down."""
        self._attempt_at = now

    def connected(self) -> None:
        """There is a new connection; nothing is proven by it."""
        self._proven = False
        self._misses = 0
        self._silent.clear()

    def ready(self) -> None:
        """The connection may be used."""
        if self.state is State.CONNECTING:
            self._become(State.UP, "")

    def connect_failed(self, now: float, reason: str) -> None:
        """The try to connect failed."""
        self._failures += 1
        self._fail(now, reason)

    def lost(self, now: float, reason: str, *, used: bool, age: float) -> None:
        """The connection ended, and not because we wanted it.

        Args:
            now: the time.
            reason: how it ended.
            used: whether anything had been sent on it.
            age: seconds that it had been ready to use.
        """
        if self.state is State.DOWN:
            if now >= self.retry_at:
                self._fail(now, self._closed_early(used))
            return
        if self._proven:
            self._become(State.CONNECTING, reason)
        elif not used and age >= IDLE_AGE:
            self.rest("the device closed the unused connection")
        else:
            early = reason.startswith(CLOSED_BY_DEVICE)
            self._failed(now, self._closed_early(used) if early else f"{self._endpoint}: {reason}")

    def renew(self, reason: str) -> None:
        """The connection is replaced because we want another one."""
        if self.state is State.UP:
            self._become(State.CONNECTING, reason)

    def trust(self) -> None:
        """There is nothing to try it with while it is down: the next caller will find out."""
        self._become(State.UP, "")

    def rest(self, reason: str) -> None:
        """The connection is closed until somebody wants it."""
        self._become(State.IDLE, reason)

    def answered(self, unit: int) -> None:
        """A good reply came; a Modbus exception is one."""
        if self._units:
            self.forget(unit)
        if self._proven and not self._misses:
            return
        self._heard()

    def unit_unreachable(self, now: float, unit: int, timeout: float) -> None:
        """The gateway answered that the unit did not (exception 11)."""
        self._heard()
        if self.several:
            self._miss_unit(now, unit, timeout, f"unit {unit} does not answer its gateway")

    def missed(self, now: float, unit: int, timeout: float) -> bool:
        """A request got no answer in time.

        Args:
            now: the time.
            unit: who should have answered.
            timeout: seconds it was waited for.

        Returns:
            whether the connection is to be replaced.
        """
        if self.state is State.DOWN:
            return False  # it began before
        self._misses += 1
        if self.several:
            self._silent.add(unit)
            self._miss_unit(now, unit, timeout, f"unit {unit} does not answer")
            if len(self._silent) < SILENT_UNITS or self._misses < SILENT_REQUESTS:
                return False
            self._silent.clear()
        return self._failed(now, self._mute(timeout))

    def probe_missed(self, now: float, timeout: float) -> bool:
        """The request that was to find out whether it is still down got no answer.

        Returns:
            whether the connection is to be replaced.
        """
        self._misses += 1
        self._fail(now, self._mute(timeout))
        return self._misses >= TRIES_PER_LINK

    def unit_attempt(self, now: float, unit: int, timeout: float) -> None:
        """A silent unit is being tried."""
        if unit in self._units:
            self._units[unit].retry_at = now + self._unit_delay(timeout)

    def forget(self, unit: int) -> None:
        """The unit has answered, or is not used any more: nothing is held against it."""
        if self._units.pop(unit, None) is not None:
            self.changes += 1

    def hurry(self, now: float) -> None:
        """Something has changed: try at once if down."""
        self.retry_at = min(self.retry_at, now)
        self._tries = 0

    def _heard(self) -> None:
        self._proven = True
        self._failures = self._tries = self._misses = 0
        self._silent.clear()
        if self.state is State.DOWN:
            self._units.clear()
            self._become(State.UP, "")

    def _failed(self, now: float, reason: str) -> bool:
        """A connection that stood was of no use. Returns whether to open another one at once."""
        self._failures += 1
        self._proven = False
        if self._failures < 2:
            self._become(State.CONNECTING, reason)
            return True
        self._attempt_at = now
        self._fail(now, reason)
        return False

    def _fail(self, now: float, reason: str) -> None:
        delay = min(self.backoff_max, FIRST_DELAY * 2.0 ** min(self._tries, 30)) * self._jitter()
        self._tries += 1
        self.retry_at = max(now, self._attempt_at + delay)
        self._become(State.DOWN, reason)

    def _miss_unit(self, now: float, unit: int, timeout: float, reason: str) -> None:
        one = self._units.setdefault(unit, _Unit())
        one.misses += 1
        if one.misses >= 2:
            self.changes += 1
            one.retry_at = now + self._unit_delay(timeout)
            one.reason = f"{self._endpoint}: {reason}"

    def _unit_delay(self, timeout: float) -> float:
        return max(self.backoff_max, UNIT_SHARE * timeout)

    def _closed_early(self, used: bool) -> str:
        if used:
            return f"{self._endpoint}: the device closes the connection instead of answering"
        return f"{self._endpoint}: the device closes each new connection (connection limit reached?)"

    def _mute(self, timeout: float) -> str:
        return f"{self._endpoint} accepts connections but does not answer (timeout {timeout:g} s)"

    def _become(self, state: State, reason: str) -> None:
        self.changes += 1
        self.state = state
        self.reason = reason
