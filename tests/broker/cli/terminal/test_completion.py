"""Tab: names that the broker knows, and nothing at all where anything goes wrong."""

from __future__ import annotations

from types import SimpleNamespace

from plcmq.broker.cli.terminal.completion import action_names, device_names, tag_names, writable_tags

DESCRIBED = {
    "tags": {"temperature": {"type": "int16"}, "tension": {"type": "float32"}, "state": {"type": "uint16"}},
    "actions": {"start_batch": {"description": "Start the press"}},
}


def line(**params: object) -> SimpleNamespace:
    """What the shell's line has so far."""
    return SimpleNamespace(params=params)


def test_devices_that_begin_so_with_where_they_are(broker):
    rows = [{"name": name, "profile": "press", "endpoint": "192.0.2.1:502"} for name in ("press-1", "oven")]
    broker.answers["devices"] = {"devices": rows, "total": 2}
    assert device_names(line(), "pre") == [("press-1", "press at 192.0.2.1:502")]


def test_tags_and_actions_of_the_device_that_the_line_names(broker):
    broker.answers["describe"] = DESCRIBED
    assert tag_names(line(device="press-1"), "te") == [("temperature", "int16"), ("tension", "float32")]
    assert writable_tags(line(device="press-1"), "s") == [("state=", "uint16")]
    assert action_names(line(device="7"), "") == [("start_batch", "Start the press")]
    assert broker.asked("describe").device == 7


def test_nothing_is_offered_where_no_broker_answers():
    assert device_names(line(), "") == []


def test_nothing_is_offered_where_the_settings_are_wrong(monkeypatch):
    monkeypatch.setenv("PLCMQ_BROKER", "nonsense")
    assert device_names(line(), "") == []


def test_an_error_of_the_broker_is_not_printed(broker, capsys):
    assert tag_names(line(device="nobody"), "") == []
    assert capsys.readouterr() == ("", "")
