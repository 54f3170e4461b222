"""Programs raise their limit of open files to what they may have, and say what it has room for."""

from __future__ import annotations

import subprocess
import sys

import pytest

RAISE = """
import resource
from plcmq.devices.host.descriptors import raise_limit
hard = min({hard}, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
print(raise_limit(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(("hard", "room"), [(1000, 800), (256, 56), (100, 1)])
def test_the_soft_limit_becomes_what_the_hard_one_allows(hard, room):
    raised = subprocess.run(
        [sys.executable, "-c", RAISE.format(hard=hard)], capture_output=True, text=True, check=True
    )
    assert raised.stdout.split() == [str(room), str(hard)]
