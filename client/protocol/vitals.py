"""What this process uses of its machine, and whether its loop was held up: for whoever collects numbers."""

from __future__ import annotations

import os
import time
from pathlib import Path

from .loop_watch import LoopWatch

_SELF = Path("/proc/self")


def vitals(watch: LoopWatch) -> dict[str, float]:
    """Numbers of this process by name: `cpu` seconds, `rss` bytes, `descriptors`, `late` times that its loop
    was held up, `worst` seconds of them. What the system does not tell is left out."""
    numbers = {"cpu": time.process_time(), "late": float(watch.late), "worst": watch.worst}
    try:
        pages = int((_SELF / "statm").read_text().split()[1])
        numbers |= {
            "rss": pages * os.sysconf("SC_PAGE_SIZE"),
            "descriptors": len(list((_SELF / "fd").iterdir())),
        }
    except OSError:
        return numbers
    return numbers
