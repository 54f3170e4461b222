"""Settings: which source wins, and what is said about a wrong one."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plcmq.broker.config import ServeSettings, Settings, SettingsError, load, resolve, without_password

NAMES = ("bind", "host_bind", "registry", "in_process_host", "drain", "log_level", "max_body")
NAMES += ("host_broker", "host_name", "broker", "timeout")

seconds = st.floats(min_value=0, max_value=3600, exclude_min=True)
some_seconds = st.none() | seconds


def problems_of(flags=None, environ=None, toml=None):
    with pytest.raises(SettingsError) as caught:
        resolve(flags or {}, environ or {}, toml or {})
    return caught.value


def test_without_any_source_there_are_the_documented_defaults():
    settings = resolve({}, {}, {})
    assert settings == Settings()
    assert settings.serve.bind == "tcp://127.0.0.1:7502"
    assert settings.serve.host_bind == "tcp://127.0.0.1:7503"
    assert settings.serve.registry == "sqlite:///plcmq.db"
    assert settings.serve.in_process_host
    assert settings.serve.drain == 10
    assert settings.host.broker == "tcp://127.0.0.1:7503"
    assert settings.host.name == socket.gethostname()
    assert settings.client.broker == "tcp://127.0.0.1:7502"
    assert settings.client.timeout == 5


@given(some_seconds, some_seconds, some_seconds)
def test_flags_win_over_the_environment_and_that_over_the_file(flag, variable, key):
    environ = {} if variable is None else {"PLCMQ_TIMEOUT": repr(variable)}
    toml = {} if key is None else {"timeout": key}
    first = next((value for value in (flag, variable, key) if value is not None), 5.0)
    assert resolve({"timeout": flag}, environ, toml).client.timeout == first


@given(st.dictionaries(st.sampled_from(NAMES), st.one_of(st.text(), st.integers(), st.booleans(), st.none())))
def test_any_values_give_settings_or_name_every_wrong_one(toml):
    try:
        resolve({}, {}, toml)
    except SettingsError as error:
        named = {problem.split(": ")[1] for problem in error.problems}
        toml = {name: value for name, value in toml.items() if name not in named}
    resolve({}, {}, toml)


@given(st.text(min_size=1).filter(lambda name: name not in NAMES))
def test_an_unknown_name_is_refused_wherever_it_stands(name):
    assert "no such setting" in str(problems_of(toml={name: 1}))


def test_drain_and_log_level_are_both_brokers_and_hosts():
    settings = resolve({}, {"PLCMQ_DRAIN": "3"}, {"log_level": "Warning"})
    assert (settings.serve.drain, settings.host.drain) == (3, 3)
    assert (settings.serve.log_level, settings.host.log_level) == ("warning", "warning")


def test_the_hosts_broker_and_the_clients_broker_are_two_settings():
    settings = resolve({"host_broker": "tcp://h:1"}, {"PLCMQ_BROKER": "tcp://c:2"}, {})
    assert (settings.host.broker, settings.client.broker) == ("tcp://h:1", "tcp://c:2")


def test_max_body_sets_the_limit_of_a_message():
    assert resolve({}, {"PLCMQ_MAX_BODY": "4096"}, {}).serve.limits.body_bytes == 4096


@pytest.mark.parametrize(("text", "value"), [("no", False), ("FALSE", False), ("0", False), ("on", True)])
def test_a_boolean_in_the_environment_is_a_word(text, value):
    assert resolve({}, {"PLCMQ_IN_PROCESS_HOST": text}, {}).serve.in_process_host is value


def test_an_empty_variable_counts_as_absent():
    assert resolve({}, {"PLCMQ_BIND": ""}, {}).serve == ServeSettings()


def test_variables_of_kubernetes_service_links_are_no_settings():
    links = {"PLCMQ_PORT": "tcp://10.0.0.1:7502", "PLCMQ_SERVICE_HOST": "10.0.0.1"}
    links |= {"PLCMQ_PORT_7502_TCP_ADDR": "10.0.0.1", "PLCMQ_SERVICE_PORT_CLIENTS": "7502"}
    assert resolve({}, links, {}) == Settings()


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1:0", "tcp://*:7502", "ipc:///run/plcmq.sock", "tcp://[::1]:1"]
)
def test_addresses_to_bind(address):
    assert resolve({"bind": address}, {}, {}).serve.bind == address


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:0", "tcp://host:*", "tcp://host", "udp://host:1", 7502])
def test_addresses_that_nobody_can_connect_to(address):
    assert "--broker: " in str(problems_of({"broker": address}))


class TestMessages:
    def test_a_typing_error_gets_a_suggestion_in_the_words_of_its_source(self):
        assert "did you mean PLCMQ_BIND (environment)?" in str(problems_of(environ={"PLCMQ_BIN": "x"}))
        assert "did you mean plcmq.toml: drain?" in str(problems_of(toml={"drian": 1}))

    def test_a_wrong_type_says_what_was_expected_and_where_it_came_from(self):
        error = problems_of(environ={"PLCMQ_TIMEOUT": "soon"})
        assert error.problems == [
            "PLCMQ_TIMEOUT (environment): expected seconds above 0 to 3600, not 'soon'",
        ]

    def test_an_address_without_its_scheme_is_guessed(self):
        assert "did you mean 'tcp://127.0.0.1:7502'?" in str(problems_of({"bind": "127.0.0.1:7502"}))

    def test_a_path_instead_of_a_database_url_is_guessed(self):
        assert "did you mean 'sqlite:///plant.db'?" in str(problems_of({"registry": "plant.db"}))

    def test_all_problems_come_at_once(self):
        error = problems_of({"drain": -1}, {"PLCMQ_TIMEOUT": "0"}, {"max_body": True})
        assert len(error.problems) == 3

    def test_only_a_wrong_flag_is_wrong_usage(self):
        assert problems_of({"drain": -1}).is_usage
        assert not problems_of(environ={"PLCMQ_DRAIN": "-1"}).is_usage

    def test_a_password_is_not_shown(self):
        assert without_password("postgresql://me:secret@db/plcmq") == "postgresql://me:***@db/plcmq"
        assert without_password("sqlite:///a:b.db") == "sqlite:///a:b.db"


class TestFile:
    def test_plcmq_toml_here_is_read(self, tmp_path: Path, monkeypatch):
        (tmp_path / "plcmq.toml").write_text('bind = "tcp://127.0.0.1:1"\n')
        monkeypatch.chdir(tmp_path)
        assert load({}, {}).serve.bind == "tcp://127.0.0.1:1"

    def test_a_named_file_is_read_instead(self, tmp_path: Path, monkeypatch):
        (tmp_path / "plcmq.toml").write_text("drain = 1\n")
        (tmp_path / "a.toml").write_text("drain = 2\n")
        (tmp_path / "b.toml").write_text("drain = 3\n")
        monkeypatch.chdir(tmp_path)
        assert load({}, {"PLCMQ_CONFIG": "a.toml"}).serve.drain == 2
        assert load({}, {"PLCMQ_CONFIG": "a.toml"}, Path("b.toml")).serve.drain == 3

    def test_a_named_file_that_is_not_there_is_said(self, tmp_path: Path):
        with pytest.raises(SettingsError, match=r"nowhere\.toml: cannot be read: No such file"):
            load({}, {}, tmp_path / "nowhere.toml")

    def test_a_file_that_is_no_toml_is_said_with_its_line(self, tmp_path: Path):
        (tmp_path / "a.toml").write_text("drain = 1\nbind tcp\n")
        with pytest.raises(SettingsError, match=r"a\.toml: .*line 2"):
            load({}, {}, tmp_path / "a.toml")

    def test_a_wrong_setting_names_the_file(self, tmp_path: Path):
        (tmp_path / "a.toml").write_text("drain = true\n")
        with pytest.raises(SettingsError, match=r"a\.toml: drain: expected seconds .*, not true"):
            load({}, {}, tmp_path / "a.toml")
