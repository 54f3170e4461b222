"""device list, show, enable, disable and remove: with and without a broker."""

from __future__ import annotations

import json
import time

import pytest
from plcmq.broker.cli.terminal.render import ago


@pytest.fixture(autouse=True)
def two_presses(plcmq, site):
    plcmq("apply", str(site))


def live(number: int, name: str, **more: object) -> dict[str, object]:
    """A device as a broker tells it."""
    told = {"id": number, "name": name, "profile": "press", "endpoint": "192.0.2.1:502", "unit": 1}
    return told | {"enabled": True, "state": "up", "since": time.time() - 30, "reason": None} | more


def test_without_a_broker_the_state_is_unknown(plcmq):
    result = plcmq("device", "list")
    assert result.exit_code == 0
    heads, *rows = (line.split("\t") for line in result.stdout.splitlines())
    assert heads[:7] == ["ID", "NAME", "PROFILE", "ENDPOINT", "UNIT", "STATE", "FOR"]
    assert [row[:6] for row in rows] == [
        ["1", "press-1", "press", "192.0.2.1:502", "1", "unknown"],
        ["2", "press-2", "press", "192.0.2.2:1502", "3", "unknown"],
    ]
    assert "no broker answers at tcp://127.0.0.1:1" in result.stderr


def test_a_broker_tells_the_state_since_when_and_why(plcmq, broker):
    reason = "cannot connect to 192.0.2.2:1502 (refused)"
    down = live(2, "press-2", state="down", reason=reason)
    broker.answers["devices"] = {"devices": [live(1, "press-1"), down], "total": 2}
    rows = plcmq("device", "list").stdout.splitlines()[1:]
    assert rows[0].endswith("\tup\t30 s\t")
    assert rows[1].endswith(f"\tdown\t30 s\t{reason}")


def test_a_device_that_the_broker_does_not_know_is_unknown(plcmq, broker):
    broker.answers["devices"] = {"devices": [live(1, "another")], "total": 1}
    listed = json.loads(plcmq("device", "list", "--registry", "sqlite:///plcmq.db", "--json").stdout)
    assert [row["state"] for row in listed["devices"]] == ["unknown", "unknown"]


def test_the_list_as_json_has_the_form_of_the_protocol(plcmq):
    listed = json.loads(plcmq("device", "list", "--json").stdout)
    assert listed["total"] == 2
    fields = {"id", "name", "profile", "endpoint", "unit", "enabled", "state", "since", "reason"}
    assert listed["devices"][0].keys() == fields


def test_without_a_registry_the_broker_tells_what_there_is(plcmq, broker, tmp_path):
    (tmp_path / "plcmq.db").unlink()
    broker.answers["devices"] = {"devices": [live(7, "oven")], "total": 1}
    assert json.loads(plcmq("device", "list", "--json").stdout)["devices"][0]["name"] == "oven"


def test_without_a_registry_the_broker_shows_a_device(plcmq, broker, tmp_path):
    (tmp_path / "plcmq.db").unlink()
    broker.answers["devices"] = {"devices": [live(7, "oven")], "total": 1}
    tags = {"heat": {"address": "holding:3", "type": "int16", "access": "ro", "unit": "degC"}}
    broker.answers["describe"] = {"tags": tags, "actions": {}}
    text = plcmq("device", "show", "7").stdout
    assert "name\toven" in text
    assert "heat\tholding:3\tint16\tro\tdegC" in text
    unknown = plcmq("device", "show", "8")
    assert (unknown.exit_code, "there is no device '8'" in unknown.stderr) == (1, True)


def test_show_tells_definition_tags_and_actions(plcmq):
    text = plcmq("device", "show", "press-2").stdout
    assert "endpoint\t192.0.2.2:1502" in text
    assert "temperature\tinput:0\tint16\tro\tdegC" in text
    assert "start_batch\tbatch_size\tStart the press" in text


def test_show_as_json_has_the_forms_of_the_site(plcmq):
    shown = json.loads(plcmq("device", "show", "2", "--json").stdout)
    assert shown["device"]["name"] == "press-2"
    assert "start_batch" in shown["profile"]["actions"]
    assert shown["state"]["state"] == "unknown"


def test_disabling_and_enabling(plcmq):
    assert plcmq("device", "disable", "press-1").stdout == "press-1 is disabled\n"
    row = json.loads(plcmq("device", "list", "--json").stdout)["devices"][0]
    assert (row["state"], row["reason"]) == ("disabled", None)
    assert json.loads(plcmq("device", "enable", "1", "--json").stdout) == {
        "device": "press-1",
        "enabled": True,
    }
    assert json.loads(plcmq("device", "list", "--json").stdout)["devices"][0]["enabled"] is True


def test_removing(plcmq):
    assert plcmq("device", "remove", "press-1").exit_code == 0
    assert json.loads(plcmq("device", "list", "--json").stdout)["total"] == 1


def test_relearning_one_device_or_all(plcmq):
    assert plcmq("device", "relearn", "1").stdout == "press-1 will be learned anew\n"
    document = json.loads(plcmq("device", "relearn", "--all", "--json").stdout)
    assert document == {"devices": ["press-1", "press-2"], "relearn": True}
    assert plcmq("device", "relearn").exit_code == 2
    assert plcmq("device", "relearn", "press-1", "--all").exit_code == 2


@pytest.mark.parametrize("command", ["show", "enable", "disable", "relearn", "remove"])
def test_an_unknown_device_is_refused_and_the_known_ones_are_named(plcmq, command):
    result = plcmq("device", command, "press-9")
    assert result.exit_code == 1
    assert "'press-9'" in result.stderr
    assert "press-1, press-2" in result.stderr


def test_a_registry_that_does_not_exist_is_not_made_by_looking(plcmq, tmp_path):
    result = plcmq("device", "list", "--registry", "sqlite:///other.db")
    assert result.exit_code == 1
    assert "other.db does not exist" in result.stderr
    assert not (tmp_path / "other.db").exists()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (600, "10 min"), (7200, "2 h"), (172800, "2 d")]
)
def test_how_long_something_has_been_so(seconds, text):
    assert ago(1000, 1000 + seconds) == text
