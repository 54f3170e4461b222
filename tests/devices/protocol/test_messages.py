"""Messages between broker and host check themselves, in one process too."""

import pytest
from plcmq.devices.protocol.messages import COUNTED, Counts, Serve


@pytest.mark.parametrize(
    "form", [{}, {"id": 1}, {"id": "1", "profile": "press"}, {"id": True, "profile": "press"}]
)
def test_a_device_is_served_with_its_id_and_profile(form):
    with pytest.raises(ValueError, match="a device without id or profile"):
        Serve({"press": {}}, [form])


def test_a_device_is_served_with_the_profile_that_it_names():
    with pytest.raises(ValueError, match="no profile 'pump'"):
        Serve({"press": {}}, [{"id": 1, "profile": "pump"}])


@pytest.mark.parametrize("row", [[], [1], ["1"] * len(COUNTED), [1] * (len(COUNTED) + 1)])
def test_a_row_of_numbers_is_whole_and_begins_with_the_device(row):
    with pytest.raises(ValueError, match="no row of numbers"):
        Counts([row])
