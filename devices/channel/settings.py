"""One connection's settings from those of all the devices behind it.

Strategy: pure. Each setting in its most careful form: what one device cannot bear, none gets. The exception
is `any_unit`, which a device needs to be understood at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..model.devices import LinkSettings


def channel_settings(settings: Sequence[LinkSettings]) -> LinkSettings:
    """The settings for one endpoint: the longest waits, the smallest limits, only functions that all have."""
    if not settings:
        return LinkSettings()
    return LinkSettings(
        timeout=max(s.timeout for s in settings),
        connect_timeout=max(s.connect_timeout for s in settings),
        connect_delay=max(s.connect_delay for s in settings),
        request_gap=max(s.request_gap for s in settings),
        idle_close=_least(s.idle_close for s in settings),
        keep_warm=_least(s.keep_warm for s in settings),
        backoff_max=max(s.backoff_max for s in settings),
        max_registers=min(s.max_registers for s in settings),
        max_coils=min(s.max_coils for s in settings),
        max_write_registers=min(s.max_write_registers for s in settings),
        max_write_coils=min(s.max_write_coils for s in settings),
        max_gap=min(s.max_gap for s in settings),
        window=min(s.window for s in settings),
        functions=frozenset.intersection(*(s.functions for s in settings)),
        any_unit=any(s.any_unit for s in settings),
    )


def _least(times: Iterable[float | None]) -> float | None:
    return min((time for time in times if time is not None), default=None)
