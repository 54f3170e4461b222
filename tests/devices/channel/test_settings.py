"""Settings of several devices behind one endpoint."""

from __future__ import annotations

from dataclasses import fields

from hypothesis import given
from hypothesis import strategies as st
from plcmq.devices.channel.settings import channel_settings
from plcmq.devices.model.devices import LinkSettings

SETTINGS = st.builds(
    LinkSettings,
    timeout=st.floats(0.1, 10),
    request_gap=st.floats(0, 1),
    idle_close=st.none() | st.floats(1, 60),
    max_registers=st.integers(1, 125),
    window=st.integers(1, 16),
    functions=st.frozensets(st.integers(1, 43)),
    any_unit=st.booleans(),
)


def test_one_device_keeps_its_own_settings() -> None:
    settings = LinkSettings(timeout=3.0, idle_close=9.0, window=4, functions=frozenset({3}))
    assert channel_settings([settings]) == settings


def test_no_device_means_the_defaults() -> None:
    assert channel_settings([]) == LinkSettings()


@given(st.lists(SETTINGS, min_size=1, max_size=5))
def test_the_order_of_the_devices_does_not_matter(settings: list[LinkSettings]) -> None:
    assert channel_settings(settings) == channel_settings(settings[::-1])


@given(st.lists(SETTINGS, min_size=1, max_size=5))
def test_nobody_gets_less_care_than_it_asked_for(settings: list[LinkSettings]) -> None:
    shared = channel_settings(settings)
    for one in settings:
        assert shared.timeout >= one.timeout
        assert shared.request_gap >= one.request_gap
        assert shared.max_registers <= one.max_registers
        assert shared.window <= one.window
        assert shared.functions <= one.functions
        assert one.idle_close is None or (shared.idle_close or 0) <= one.idle_close
    for field in fields(LinkSettings):
        if field.name != "functions":
            assert getattr(shared, field.name) in [getattr(one, field.name) for one in settings]
