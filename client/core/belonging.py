"""Which event loop and which process an asyncio connection belongs to; asked before anything is sent.

Strategy: one answer for every call. A use that cannot be served is refused here, in words, while nothing
has gone out and nothing shared has been touched.
"""

from __future__ import annotations

import asyncio
import os

from ..protocol.errors import Code, Outcome, PlcmqError, failure


class Belonging:
    """The loop and the process that a connection was opened in."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._process = os.getpid()

    @property
    def has_ended(self) -> bool:
        """Whether the loop was closed, so that another may open the connection anew."""
        return self.loop.is_closed()

    def check(self, endpoint: str) -> None:
        """Makes sure that the caller runs where the connection belongs.

        Raises:
            PlcmqError: `bad_request`, not executed: it does not.
        """
        if os.getpid() != self._process:
            raise _foreign(endpoint, "was opened before this process was forked; open one in each process")
        if self.has_ended:
            raise _foreign(endpoint, "belongs to an event loop that was closed; `await` it in this one first")
        if asyncio.get_running_loop() is not self.loop:
            raise _foreign(
                endpoint,
                "belongs to another event loop; open one in each loop, or use the blocking client "
                "(`get_conn`), which threads can share",
            )


def _foreign(endpoint: str, why: str) -> PlcmqError:
    message = f"the connection to {endpoint} {why}; nothing was sent"
    return failure(Code.BAD_REQUEST, message, outcome=Outcome.NOT_EXECUTED)
