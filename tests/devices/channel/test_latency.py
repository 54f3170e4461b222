"""Round-trip times, as percentiles and in buckets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from plcmq.devices.channel.latency import SIZE, Latency
from plcmq.devices.model.devices import ROUND_TRIP_BOUNDS


@given(st.lists(st.floats(0, 5), max_size=SIZE))
def test_each_time_is_in_every_bucket_that_reaches_so_far(times: list[float]) -> None:
    latency = Latency()
    for seconds in times:
        latency.note(seconds)
    wanted = [sum(seconds <= bound for seconds in times) for bound in ROUND_TRIP_BOUNDS]
    assert latency.cumulative() == [*wanted, len(times)]
    assert abs(latency.total - sum(times)) < 1e-6
    assert (latency.percentiles() == {}) is (times == [])
