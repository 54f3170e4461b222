"""The lock files fit what setup.cfg asks for, and can be installed from anywhere."""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
LOCKS = sorted(ROOT.glob("requirements-*.txt"))
EXTRAS = ("broker", "browser", "dev", "gateway")

setup = configparser.ConfigParser()
setup.read(ROOT / "setup.cfg")


def wanted(extra: str) -> Iterator[Requirement]:
    """What an extra asks for, with that of the extras in it."""
    for line in setup["options.extras_require"][extra].strip().splitlines():
        requirement = Requirement(line)
        if requirement.name != "plcmq":
            yield requirement
        for other in requirement.extras if requirement.name == "plcmq" else ():
            yield from wanted(other)


def locked(lock: Path) -> dict[str, str]:
    """Version by name."""
    lines = (line for line in lock.read_text().splitlines() if "==" in line)
    pins = (line.partition(";")[0].rstrip(" \\").split("==") for line in lines)
    return {name.lower().partition("[")[0]: version for name, version in pins}


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_lock_file_has_what_its_extra_asks_for(extra: str) -> None:
    """Else: `make lock`."""
    pins = locked(ROOT / f"requirements-{extra}.txt")
    own = map(Requirement, setup["options"]["install_requires"].strip().splitlines())
    misfits = [
        str(requirement)
        for requirement in (*own, *wanted(extra))
        if not requirement.specifier.contains(pins.get(requirement.name.lower(), "0"))
    ]
    assert misfits == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_file_agrees_with_that_of_the_developers(lock: Path) -> None:
    theirs = locked(ROOT / "requirements-dev.txt")
    differing = {name for name, version in locked(lock).items() if theirs.get(name, version) != version}
    assert differing == set()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_file_names_no_index_and_no_place(lock: Path) -> None:
    text = lock.read_text()
    assert "--hash=sha256:" in text
    assert not any(sign in text for sign in ("://", "--index", "--find-links", " @ "))
