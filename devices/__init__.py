"""Who owns the PLCs. For code of a site's own: the base class of a Python device, its tags and actions."""

from .python.device import Device, Tag, action

__all__ = ["Device", "Tag", "action"]
