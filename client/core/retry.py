"""Trying again, for callers who do not care how: what is safe to repeat, when, and what to say in the end.

Strategy: pure; both clients wait and send for it. Repeated is what surely did nothing, and what has a key,
because the broker carries that out once however often it is asked. A request of that kind is also asked again
when no word comes for a while, since the broker may have died with it. All of that happens inside the
caller's timeout. An attempt that was sent and never answered leaves a doubt, which the last word must not
hide: only an error that the broker gives after it has looked for the key says that nothing was executed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..protocol.errors import BrokerUnreachable, Code, Outcome, PlcmqError, failure
from ..protocol.replies import Reply
from .session import GRACE, changes_nothing

_GROWTH: Final = 2.0  # of delays and of patience, from one attempt to the next
_LEAST: Final = 0.01  # seconds that an attempt is worth making for
_KEY_WAS_FREE: Final = frozenset(
    {Code.DEVICE_DOWN, Code.DEVICE_ERROR, Code.LOCKED, Code.ACTION_FAILED, Code.KEY_CONFLICT}
)


@dataclass(frozen=True, slots=True)
class Retry:
    """How a request is tried again. All in seconds.

    Attributes:
        first_delay: before the second attempt; it doubles from then on, and up to half of it is left out at
            random. If the error says `retry_after`, it is not less than that.
        max_delay: what the delay grows to.
        patience: for the first attempt to be answered, before it is asked again; it doubles as well.
    """

    first_delay: float = 0.05
    max_delay: float = 2.0
    patience: float = 2.0


class Attempts:
    """One request, from its first attempt to its last.

    Attributes:
        reply: what it came to, as far as is known.
    """

    def __init__(
        self,
        retry: Retry | bool,
        message: Mapping[str, Any],
        timeout: float,
        now: float,
        dice: Callable[[], float] = random.random,
    ) -> None:
        """Begins.

        Args:
            retry: how; True means as usual, False not at all.
            message: as `request_map` makes it.
            timeout: seconds, for all attempts together.
            now: monotonic seconds.
            dice: gives numbers from 0 to 1.
        """
        self.reply = Reply()
        self._retry = Retry() if retry is True else retry or None
        self._is_read = changes_nothing(message)
        # The broker's own actions know no keys.
        self._has_key = message.get("key") is not None and message.get("device") is not None
        # Attempts under one id: the reply may be to an earlier one, and the last still on its way.
        self._shares_id = message.get("id") is not None
        self._timeout = timeout
        self._deadline = now + timeout
        self._dice = dice
        self._delay = self._retry.first_delay if self._retry else 0.0
        self._patience = self._retry.patience if self._retry else 0.0
        self._is_first = True
        self._began = now  # the last attempt
        self._in_doubt = False

    def next(self, now: float) -> tuple[float, float]:
        """The next attempt: seconds for the broker to answer, and seconds to wait beyond that; if these are
        negative, the attempt is given up before its time."""
        self._began = now
        if self._retry is None:
            return self._timeout, GRACE
        timeout = self._timeout if self._is_first else max(self._deadline - now, _LEAST)
        self._is_first = False
        if not (self._is_read or self._has_key):
            return timeout, GRACE
        patience, self._patience = self._patience, self._patience * _GROWTH
        return timeout, min(GRACE, patience - timeout)

    def pause(self, reply: Reply, now: float) -> float | None:
        """Takes in what an attempt came to.

        Returns:
            Seconds until the next attempt; None if there is none: then `reply` is the last word.
        """
        self.reply = reply
        error = reply.error
        if self._retry is None or error is None:
            return None
        if not reply.answered and error.outcome is Outcome.UNKNOWN:
            self._in_doubt = True
        elif reply.answered and error.code in _KEY_WAS_FREE and not self._shares_id:
            self._in_doubt = False
        if self._may_repeat(error, reply.answered):
            delay = self._next_delay(self._retry, error)
            if not reply.answered:
                delay = max(0.0, delay - (now - self._began))  # the silence was pause enough
            if now + delay + _LEAST < self._deadline:
                return delay
        if self._in_doubt and error.outcome is Outcome.NOT_EXECUTED:
            self.reply = Reply(reply.id, error=_doubtful(error), answered=False)
        return None

    def _may_repeat(self, error: PlcmqError, answered: bool) -> bool:
        if error.retryable and error.outcome is Outcome.NOT_EXECUTED:
            return True
        if not self._has_key:
            return False
        # What the broker itself calls unknown stays so; what only the client does not know can be asked for.
        return error.code is Code.IN_PROGRESS or (not answered and error.code is Code.OUTCOME_UNKNOWN)

    def _next_delay(self, retry: Retry, error: PlcmqError) -> float:
        delay = self._delay * (1 - self._dice() / 2)
        self._delay = min(self._delay * _GROWTH, retry.max_delay)
        after = error.retry_after
        # Those who were all told the same time shall not come back at the same moment.
        return delay if after is None else max(delay, after * (1 + self._dice() / 4))


class Check:
    """Whether a broker answers, as it is found out when a connection is opened.

    Attributes:
        is_over: whether it has answered.
    """

    def __init__(self, endpoint: str, timeout: float, now: float) -> None:
        """`timeout`: seconds in which it must."""
        self.is_over = False
        self._endpoint = endpoint
        self._timeout = timeout
        self._deadline = now + timeout

    def next(self, now: float) -> float:
        """Seconds for the next `ping`: another one follows where a broker went with the first."""
        return max(self._deadline - now, _LEAST)

    def replied(self, reply: Reply) -> None:
        """Takes in what a `ping` came to.

        Raises:
            BrokerUnreachable: nobody answered in time.
            PlcmqError: it was refused.
        """
        error = reply.error
        if error is None:
            self.is_over = True
        elif reply.answered or error.code not in (Code.TIMEOUT, Code.NO_HOST):
            raise error
        elif error.code is Code.TIMEOUT or isinstance(error, BrokerUnreachable):
            raise BrokerUnreachable(self._endpoint, self._timeout)


def _doubtful(error: PlcmqError) -> PlcmqError:
    message = (
        f"an earlier attempt was sent and never answered, and now: {error.message}; ask again with the key"
    )
    return failure(Code.OUTCOME_UNKNOWN, message, details={"cause": error.to_map()})
