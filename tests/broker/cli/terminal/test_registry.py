"""The registry of a command: where flags say it is, with errors that hide the password."""

from __future__ import annotations

import pytest
from plcmq.broker.cli.terminal.registry import registry_of
from plcmq.broker.cli.terminal.reporting import CommandFailed


def test_a_registry_that_is_not_there_is_told_and_not_made(tmp_path):
    with (
        pytest.raises(CommandFailed) as failed,
        registry_of(f"sqlite:///{tmp_path / 'none.db'}", None) as opened,
    ):
        opened.snapshot()
    assert failed.value.kind == "registry"
    assert not (tmp_path / "none.db").exists()


def test_apply_may_make_it(tmp_path):
    with registry_of(f"sqlite:///{tmp_path / 'new.db'}", None, create=True) as opened:
        assert opened.snapshot().devices == ()


def test_no_password_is_told(tmp_path):
    url = "postgresql://plant:secret@127.0.0.1:1/plcmq?connect_timeout=1"
    with pytest.raises(CommandFailed) as failed, registry_of(url, None) as opened:
        opened.snapshot()
    assert "secret" not in str(failed.value)
