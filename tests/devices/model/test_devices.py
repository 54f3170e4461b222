"""Where a device is, as text."""

from plcmq.devices.model.devices import DeviceDefinition, Endpoint


def test_an_ipv6_host_stands_in_brackets():
    assert str(Endpoint("fe80::1", 502)) == "[fe80::1]:502"
    assert str(Endpoint("10.0.0.1", 503)) == "10.0.0.1:503"


def test_units_behind_one_endpoint_share_it_and_are_places_of_their_own():
    one, other = (
        DeviceDefinition(number, f"m{number}", "10.0.0.1", "meter", unit=number) for number in (1, 2)
    )
    assert one.endpoint == other.endpoint
    assert (one.place, other.place) == ("10.0.0.1:502/1", "10.0.0.1:502/2")
