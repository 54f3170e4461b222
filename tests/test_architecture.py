"""Who may import what: each folder has its place in the order, and each library its room.

Strategy: `MAY_IMPORT` is the architecture, ground first. A folder may import the folders in its row, which
stand above it, and nothing else of ours. The table is exhaustive both ways: a folder without a row fails, and
so does a row that allows more than is used.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
from house import PACKAGES, PICTURE, ROOT, imported_folders, imports, picture, sources

MAY_IMPORT: dict[str, str] = {
    "client/protocol": "",
    "client/core": "client/protocol",
    "client/aio": "client/protocol client/core",
    "client/sync": "client/protocol client/core",
    "client": "client/protocol client/core client/aio client/sync",
    "client/load": "client/protocol client/core client/aio",
    "devices/model": "client/protocol",
    "devices/modbus": "devices/model",
    "devices/transport": "devices/model devices/modbus",
    "devices/python": "devices/model",
    "devices/planning": "client/protocol devices/model devices/modbus",
    "devices/actions": "client/protocol devices/model",
    "devices/channel": "devices/model devices/modbus devices/transport",
    "devices/site/definitions": "devices/model devices/modbus",
    "devices/site/forms": "devices/model devices/modbus devices/site/definitions",
    "devices/site/rules": (
        "client/protocol devices/model devices/modbus devices/site/definitions devices/site/forms"
    ),
    "devices/site": (
        "devices/model devices/modbus devices/python devices/site/definitions devices/site/forms "
        "devices/site/rules"
    ),
    "devices": "devices/python",
    "devices/interface": (
        "client/protocol devices/model devices/modbus devices/planning devices/site/definitions"
    ),
    "devices/protocol": "client/protocol devices/model devices/planning devices/site/definitions",
    "devices/worker": (
        "client/protocol devices/model devices/modbus devices/planning devices/actions "
        "devices/channel devices/interface devices/protocol"
    ),
    "devices/host": (
        "client/protocol devices/model devices/planning devices/channel devices/site/definitions "
        "devices/site devices/interface devices/protocol devices/worker"
    ),
    "devices/doctor": (
        "client/protocol devices/model devices/modbus devices/transport devices/channel "
        "devices/site/definitions"
    ),
    "devices/simulator/registers": "devices/model devices/modbus",
    "devices/simulator/faults": "devices/model devices/modbus devices/simulator/registers",
    "devices/simulator": (
        "client/protocol devices/model devices/modbus devices/transport devices/simulator/registers "
        "devices/simulator/faults"
    ),
    "gateway/front": "client/protocol",
    "gateway/live": "client/protocol client/core client/aio gateway/front",
    "gateway/documents": "client/protocol client/aio gateway/front",
    "gateway/exposition": "client/protocol client/aio gateway/live",
    "gateway/views": (
        "client/protocol client/aio gateway/front gateway/live gateway/documents gateway/exposition"
    ),
    "gateway": (
        "client/protocol client/aio gateway/front gateway/live gateway/documents gateway/exposition "
        "gateway/views"
    ),
    "broker": (
        "gateway client/protocol devices/model devices/site/definitions devices/site devices/interface "
        "devices/host"
    ),
    "broker/fleet": "devices/model devices/planning devices/protocol broker",
    "broker/routing": (
        "client/protocol devices/model devices/planning devices/interface devices/protocol broker "
        "broker/fleet"
    ),
    "broker/storage": "devices/planning devices/site/definitions devices/site broker/fleet broker/routing",
    "broker/service": (
        "client/protocol devices/model devices/protocol devices/host broker broker/fleet "
        "broker/routing broker/storage"
    ),
    "broker/cli/terminal": "client/protocol client devices/site/definitions broker broker/storage",
    "broker/cli/run": (
        "gateway client/protocol devices/site devices/host devices/simulator/faults devices/simulator broker "
        "broker/storage broker/service broker/cli/terminal"
    ),
    "broker/cli/setup": (
        "client/protocol client/aio client devices/model devices/site/definitions devices/site "
        "devices/interface devices/doctor broker broker/cli/terminal"
    ),
    "broker/cli/calls": "client/protocol client/aio client broker broker/cli/terminal",
    "broker/cli/demo": "client devices/site/definitions devices/site broker/cli/terminal",
    "broker/cli/bench": "client/protocol client client/load broker broker/cli/terminal",
    "broker/cli": ("broker/cli/run broker/cli/setup broker/cli/calls broker/cli/demo broker/cli/bench"),
}
ROOMS = {
    "msgpack": ("client/protocol/bodies.py",),
    "pymodbus": ("devices/modbus/", "devices/simulator/"),
    "peewee": ("broker/storage/",),
    "playhouse": ("broker/storage/",),
    "pydantic": ("devices/site/forms/", "devices/simulator/", "client/fastapi.py"),
    "yaml": ("devices/site/definitions/", "devices/simulator/"),
    "fastjsonschema": ("devices/interface/arguments.py", "devices/site/rules/"),
    "fastapi": ("client/fastapi.py", "gateway/"),
    "starlette": ("gateway/",),
    "fastapi_offline": ("gateway/app.py",),
    "uvicorn": ("gateway/serve.py",),
    "locust": ("client/locust.py",),
    "hdrh": ("client/load/meter.py",),
    "typer": ("broker/cli/",),
    "rich": ("broker/cli/",),
}
MOST_FILES = 15  # loose files of a folder, its `__init__.py` not counted
MOST_LINES = 400  # of a source file
MOST_FUNCTION_LINES = 60
SOURCES = sources()
IMPORTED = imported_folders()
FOLDERS = list(IMPORTED)

each_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
each_folder = pytest.mark.parametrize("folder", FOLDERS)


def test_every_folder_has_its_place_in_the_order() -> None:
    assert sorted(MAY_IMPORT) == FOLDERS


def test_the_order_has_no_way_back() -> None:
    above: set[str] = set()
    for folder, row in MAY_IMPORT.items():
        assert set(row.split()) <= above, f"{folder} may import what stands below it"
        above.add(folder)


@each_folder
def test_a_folder_imports_what_its_row_allows_and_all_of_it(folder: str) -> None:
    assert IMPORTED[folder] == set(MAY_IMPORT.get(folder, "").split())


@pytest.mark.parametrize("package", ["devices", "broker"])
def test_only_the_protocol_of_the_client_is_shared(package: str) -> None:
    """But for the command line, which is a client too."""
    rows = {folder: row for folder, row in MAY_IMPORT.items() if folder.split("/")[0] == package}
    shared = {name for folder, row in rows.items() if "cli" not in folder.split("/") for name in row.split()}
    assert {name for name in shared if name.split("/")[0] == "client"} <= {"client/protocol"}


@each_source
def test_inside_the_project_imports_are_relative(path: Path) -> None:
    assert "plcmq" not in {name[0] for name in imports(path)}


@each_source
def test_every_library_stays_in_its_room(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    strangers = {library[0] for library in imports(path)} & ROOMS.keys()
    assert [library for library in strangers if not name.startswith(ROOMS[library])] == []


@each_folder
def test_a_folder_has_at_most_fifteen_loose_files(folder: str) -> None:
    assert len([path for path in (ROOT / folder).glob("*.py") if path.name != "__init__.py"]) <= MOST_FILES


@each_source
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < MOST_FUNCTION_LINES, node.name


def test_no_circle_of_files() -> None:
    """Inside a folder too: a file imports only files that do not lead back to it."""
    leads_to = {
        path: {target for target in map(file_of, imports(path)) if target} - {path} for path in SOURCES
    }
    done: set[Path] = set()

    def follow(path: Path, way: tuple[Path, ...]) -> None:
        assert path not in way, " -> ".join(str(step.relative_to(ROOT)) for step in (*way, path))
        if path not in done:
            for target in leads_to.get(path, ()):
                follow(target, (*way, path))
            done.add(path)

    for path in SOURCES:
        follow(path, ())


def file_of(name: tuple[str, ...]) -> Path | None:
    """The file of ours that a dotted name leads to; None for other names and for folders."""
    if name[0] not in PACKAGES:
        return None
    candidates = (ROOT.joinpath(*name[:length]).with_suffix(".py") for length in range(len(name), 1, -1))
    return next((path for path in candidates if path.is_file()), None)


def test_the_picture_of_the_house_is_the_present_one() -> None:
    """After a change of the folders or of what they import: `make docs`."""
    assert PICTURE.read_text() == picture(IMPORTED)


def test_the_installed_packages_are_the_folders() -> None:
    metadata = ConfigParser()
    metadata.read(ROOT / "setup.cfg")
    packages = metadata["options"]["packages"].split()
    assert packages == [f"plcmq.{folder.replace('/', '.')}" for folder in FOLDERS]


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
