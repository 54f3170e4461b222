"""Who may import what: one way between the packages, and one room for each library."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "client": {"client"},
    "devices": {"client", "devices"},
    "broker": {"client", "devices", "broker"},
}
ROOMS = {
    "msgpack": ("client/protocol/messages.py",),
    "pymodbus": ("devices/modbus/pdu.py", "devices/simulator/"),
    "peewee": (
        "broker/storage/database.py",
        "broker/storage/registry.py",
        "broker/storage/journal.py",
        "broker/audit.py",
    ),
    "playhouse": (
        "broker/storage/database.py",
        "broker/storage/registry.py",
        "broker/storage/journal.py",
        "broker/audit.py",
    ),
    "fastapi": ("client/fastapi.py", "client/gateway/"),
    "locust": ("client/locust.py",),
    "hdrh": ("client/load/meter.py",),
    "matplotlib": ("client/load/plots.py",),
    "typer": ("broker/cli/",),
    "rich": ("broker/cli/",),
}
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, ...]]:
    """The dotted names that a file imports; relative ones as seen from the repository."""
    here = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                yield (
                    *here[: len(here) - node.level + 1],
                    *module,
                    *(() if module else (node.names[0].name,)),
                )
            else:
                yield module


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path: Path) -> None:
    """client imports nothing of ours but itself; devices never imports broker."""
    allowed = PACKAGES[path.relative_to(ROOT).parts[0]]
    assert {name[0] for name in imports(path) if name[0] in PACKAGES} <= allowed


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_inside_the_project_imports_are_relative(path: Path) -> None:
    assert "plcmq" not in {name[0] for name in imports(path)}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_library_stays_in_its_room(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    strangers = {library[0] for library in imports(path)} & ROOMS.keys()
    assert [library for library in strangers if not name.startswith(ROOMS[library])] == []


def test_the_devices_never_need_the_simulator() -> None:
    for path in SOURCES:
        folder = path.relative_to(ROOT).parts
        if folder[0] == "devices" and folder[1] != "simulator":
            assert all(name[:2] != ("devices", "simulator") for name in imports(path)), path


def test_importing_the_client_loads_pyzmq_and_msgpack_only() -> None:
    program = """
import sys
before = set(sys.modules)
import plcmq.client
names = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(names - set(sys.stdlib_module_names)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    loaded = {name for name in done.stdout.split() if "cython" not in name}  # what Cython itself registers
    assert loaded == {"plcmq", "zmq", "msgpack"}
