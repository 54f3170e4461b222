"""How many files a process may have open: each connection to a PLC or of a client is one.

The soft limit is often 256 or 1024, whatever the system would allow; programs that need more ask for it.
"""

from __future__ import annotations

import resource
from typing import Final

WANTED: Final = 65_536  # open files that we ask the system for
APART: Final = 200  # of these, what is not a connection


def raise_limit() -> int:
    """Asks for as many open files as this process may have; how many connections they have room for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    limit = WANTED if soft == resource.RLIM_INFINITY else soft
    return max(1, limit - APART)
