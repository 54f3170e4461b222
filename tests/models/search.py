"""Search of a whole model: every state that can be reached, or the shortest way to a wrong one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

State = TypeVar("State", bound=Hashable)
Move = tuple[str, State]  # what happens, and the state after it
MOST_STATES = 3_000_000


@dataclass(frozen=True)
class Verdict(Generic[State]):
    """What the search found.

    Attributes:
        states: how many states were reached.
        way: what happened up to the first wrong state; None where there is none.
    """

    states: int
    way: list[str] | None

    @property
    def is_safe(self) -> bool:
        return self.way is None


def search(
    start: State, moves: Callable[[State], Iterable[Move[State]]], is_wrong: Callable[[State], bool]
) -> Verdict[State]:
    """Looks at every state that can be reached from `start`, the nearest first.

    Raises:
        OverflowError: there are more than MOST_STATES.
    """
    before: dict[State, tuple[State | None, str]] = {start: (None, "")}
    queue = deque([start])
    while queue:
        state = queue.popleft()
        if is_wrong(state):
            return Verdict(len(before), _way(before, state))
        for what, after in moves(state):
            if after not in before:
                before[after] = (state, what)
                queue.append(after)
        if len(before) > MOST_STATES:
            raise OverflowError(f"more than {MOST_STATES} states")
    return Verdict(len(before), None)


def _way(before: dict[State, tuple[State | None, str]], state: State) -> list[str]:
    steps: list[str] = []
    at: State | None = state
    while at is not None:
        at, what = before[at]
        steps.append(what)
    return steps[-2::-1]
