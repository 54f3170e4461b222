"""The program as a process: its version, its help, and what it says where libraries are missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.metadata import version

import pytest

COMMANDS = [
    "serve",
    "host",
    "apply",
    "export",
    "call",
    "read",
    "write",
    "bench",
    "simulate",
    "demo",
    "info",
    "stats",
]
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


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_a_closed_standard_descriptor_is_no_matter(closed):
    """Else a socket gets its number, and what is printed goes to a peer."""
    program = f"{sys.executable} -m plcmq.broker.cli --version {closed}"
    assert subprocess.run(["sh", "-c", program], timeout=60, check=False).returncode == 0


def starting(*arguments: str) -> subprocess.Popen[str]:
    """The program, which waits in the middle of its imports until its stdin has a line."""
    code = (
        f"import sys; sys.argv[1:] = {arguments!r}\n"
        "import builtins; inner = builtins.__import__\n"
        "def slow(name, *rest):\n"
        "    if name == 'app':\n"
        "        builtins.__import__ = inner\n"
        "        print('importing', flush=True); sys.stdin.readline()\n"
        "    return inner(name, *rest)\n"
        "builtins.__import__ = slow\n"
        "from plcmq.broker.cli.entry import run; run()"
    )
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True)


@pytest.mark.parametrize(("command", "status"), [("serve", 0), ("host", 0), ("call", 128 + signal.SIGTERM)])
def test_sigterm_ends_it_while_it_is_still_importing(command, status):
    with starting(command) as process:
        assert process.stdout.readline() == "importing\n"
        process.terminate()
        assert process.wait(20) == status


@pytest.mark.skipif(os.geteuid() != 0, reason="a namespace of processes needs root")
def test_as_the_first_process_of_a_container_it_hears_sigterm_from_the_first_line_on():
    code = (
        "import os, signal\n"
        "from plcmq.broker.cli import entry\n"
        "import sys; sys.argv[1:] = ['serve']\n"
        "entry._end_by_signal_from_now_on()\n"
        "assert os.getpid() == 1\n"
        "os.kill(1, signal.SIGTERM)\n"
        "sys.exit(3)"
    )
    command = ["unshare", "--pid", "--fork", sys.executable, "-c", code]
    assert subprocess.run(command, timeout=60, check=False).returncode == 0
