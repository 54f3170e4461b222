"""What a user installs: a wheel that is complete, and thin without extras."""

import json
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
ASK = """
import json, sys
from importlib.metadata import distributions
import plcmq.client
loaded = sorted({name.partition(".")[0] for name in sys.modules})
names = sorted(d.metadata["Name"].lower() for d in distributions())
print(json.dumps({"loaded": loaded, "installed": names}))
"""


def run(*command, **more):
    return subprocess.run([*map(str, command)], check=True, capture_output=True, text=True, **more).stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from the sources as they are."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        (source / name).symlink_to(ROOT / name)
    for name in ("client", "devices", "broker", "gateway"):
        (source / name).symlink_to(ROOT / name)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source)
    return next(folder.glob("*.whl"))


def install(folder, requirement):
    """Installs into a new environment, which has not even pip; the folder of its programs."""
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", requirement)
    return folder / "bin"


def test_the_wheel_has_the_page_with_all_that_it_loads(wheel):
    folder = ROOT / "gateway" / "page"
    wanted = {f"plcmq/gateway/page/{path.relative_to(folder)}" for path in folder.rglob("*.*")}
    assert wanted - set(ZipFile(wheel).namelist()) == set()


@pytest.mark.timeout(300)
def test_the_thin_install_brings_pyzmq_and_msgpack_only(wheel, tmp_path):
    programs = install(tmp_path / "thin", wheel)
    found = json.loads(run(programs / "python", "-c", ASK, cwd=tmp_path))
    assert found["installed"] == ["msgpack", "plcmq", "pyzmq"]
    assert not {"pymodbus", "peewee", "pydantic", "fastapi", "yaml", "typer"} & set(found["loaded"])
    asked = subprocess.run([programs / "plcmq", "serve"], capture_output=True, text=True, cwd=tmp_path)
    assert asked.returncode == 2
    assert 'pip install "plcmq[' in asked.stderr


@pytest.mark.timeout(300)
def test_a_wheel_with_the_brokers_extra_works_in_an_empty_environment(wheel, tmp_path):
    programs = install(tmp_path / "full", f"{wheel}[broker]")
    told = run(programs / "plcmq", "demo", "--once", cwd=tmp_path)
    assert "All of it held." in told
