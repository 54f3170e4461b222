"""The program as a process: its version, its help, and what it says where libraries are missing."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

COMMANDS = ["serve", "host", "apply", "export", "call", "read", "write", "bench", "simulate", "demo"]
COMMANDS += [f"device {name}" for name in ("list", "show", "enable", "disable", "remove")]


def run_without(library: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the program in an interpreter that has no such library."""
    code = (
        f"import sys; sys.modules[{library!r}] = None; sys.argv[1:] = {arguments!r}\n"
        "from plcmq.broker.cli.entry import run; run()"
    )
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_version(process):
    result = process("--version")
    assert (result.returncode, result.stdout) == (0, f"plcmq {version('plcmq')}\n")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(plcmq, command):
    result = plcmq(*command.split(), "--help")
    assert result.exit_code == 0
    assert "Example" in result.stdout
    assert f"plcmq {command}" in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_but_those_that_only_run_has_json(plcmq, command):
    has_json = "--json" in plcmq(*command.split(), "--help").stdout
    assert has_json is (command not in {"host", "demo"})


def test_an_unknown_command_is_wrong_usage(process):
    assert process("sevre").returncode == 2


@pytest.mark.parametrize("library", ["typer", "rich"])
def test_without_the_cli_extra_it_says_what_to_install(library):
    result = run_without(library, "--version")
    assert result.returncode == 2
    assert result.stdout == ""
    assert 'pip install "plcmq[cli]"' in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("library", "arguments"),
    [
        ("peewee", ("export",)),
        ("yaml", ("apply", "site.yaml")),
        ("pydantic", ("apply", "site.yaml")),
        ("pymodbus", ("simulate", "site.yaml")),
        ("peewee", ("serve",)),
    ],
)
def test_without_the_broker_extra_a_command_says_what_to_install(library, arguments):
    result = run_without(library, *arguments)
    assert result.returncode == 2
    assert 'pip install "plcmq[broker]"' in result.stderr


def test_the_commands_that_call_need_no_library_of_the_broker(broker):
    broker.answers["status"] = {"state": "up"}
    for library in ("pymodbus", "peewee", "yaml"):
        result = run_without(library, "call", "press-1", "status")
        assert result.returncode == 0, result.stderr
