"""One host, however it is spelt."""

from itertools import product

import pytest
from plcmq.devices.site.definitions.content import SiteContent
from plcmq.devices.site.definitions.diff import merge
from plcmq.devices.site.definitions.hosts import plain_host
from plcmq.devices.site.definitions.problems import SiteError

THIS_MACHINE = ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "::1", "0:0:0:0:0:0:0:1"]
OTHERS = ["plc-1", "10.0.0.1", "10.0.0.10", "fe80::1"]


@pytest.mark.parametrize(("one", "other"), list(product(THIS_MACHINE, repeat=2)))
def test_all_spellings_of_this_machine_are_one(one, other):
    assert plain_host(one) == plain_host(other)


@pytest.mark.parametrize(("one", "other"), [("FE80::0001", "fe80::1"), ("PLC-1", "plc-1.")])
def test_so_are_those_of_another_one(one, other):
    assert plain_host(one) == plain_host(other)


def test_different_hosts_stay_different():
    assert len({plain_host(host) for host in (*OTHERS, "127.0.0.1")}) == len(OTHERS) + 1


def device(number, host, port=502):
    return {"id": number, "name": f"d{number}", "host": host, "port": port, "profile": "p"}


def test_a_device_cannot_join_a_registry_under_another_spelling():
    old = SiteContent({"p": {}}, (device(1, "localhost"),))
    with pytest.raises(SiteError, match=r"'127\.0\.0\.1' and 'localhost' of 'd1' are one host"):
        merge(old, SiteContent({}, (device(2, "127.0.0.1"),)))
    assert len(merge(old, SiteContent({}, (device(2, "127.0.0.1", 503),))).devices) == 2
    assert len(merge(old, SiteContent({}, (device(2, "localhost"),))).devices) == 2
