"""info and stats: the broker's own words, else what the registry has."""

from __future__ import annotations

import json

STATS = {
    "uptime": 12.5,
    "errors": {"busy": 3},
    "hosts": [
        {"name": "hall-2", "local": False, "endpoints": 4},
        {"name": "local", "local": True, "endpoints": 2},
    ],
}


def test_the_broker_tells_who_it_is(plcmq, broker):
    broker.answers["info"] = {"name": "plcmq", "version": "1.2.3", "limits": {"depth": 32}}
    assert plcmq("info").stdout.splitlines() == [
        "NAME\tVALUE",
        "name\tplcmq",
        "version\t1.2.3",
        "limits.depth\t32",
    ]
    assert json.loads(plcmq("info", "--json").stdout) == broker.answers["info"]


def test_hosts_stand_in_a_table_of_their_own(plcmq, broker):
    broker.answers["stats"] = STATS
    lines = plcmq("stats").stdout.splitlines()
    assert "errors.busy\t3" in lines
    at = lines.index("HOSTS\tLOCAL\tENDPOINTS")
    assert lines[at + 1 : at + 3] == ["hall-2\tfalse\t4", "local\ttrue\t2"]


def test_without_a_broker_the_registry_is_read_and_that_is_said(plcmq, site):
    plcmq("apply", str(site))
    result = plcmq("info")
    assert "devices.total\t2" in result.stdout
    assert "no broker answers at tcp://127.0.0.1:1; this is what the registry has" in result.stderr
    told = json.loads(plcmq("stats", "--json").stdout)
    assert (told["profiles"], told["devices"]) == (1, {"total": 2})


def test_with_neither_it_fails_with_the_reason(plcmq):
    result = plcmq("stats")
    assert result.exit_code == 1
    assert "plcmq.db does not exist" in result.stderr
