"""Names that tell by their form what they name."""

from __future__ import annotations

import re
from typing import Final

_PYTHON_CLASS: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def is_python_class(profile: str) -> bool:
    """Whether a device's profile names a Python class, `module:Class`."""
    return _PYTHON_CLASS.fullmatch(profile) is not None
