"""The path under which Python devices have always found their base class."""

from .python.device import Device, Tag, action

__all__ = ["Device", "Tag", "action"]
