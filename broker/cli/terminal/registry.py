"""The registry as commands use it: opened, asked, closed, its errors told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...config import load, without_password
from ...storage.registry import Registry, RegistryError
from .reporting import CommandFailed


@contextmanager
def registry_of(url: str | None, config: Path | None, *, create: bool = False) -> Iterator[Registry]:
    """The registry that flags and settings name.

    Args:
        url: the flag.
        config: the settings file that is named by a flag.
        create: whether a SQLite file that does not exist is made.

    Raises:
        CommandFailed: it cannot be opened, read or changed.
        SettingsError: the settings are wrong.
    """
    url = load({"registry": url}, os.environ, config).serve.registry
    try:
        with Registry(url, create=create) as registry:
            yield registry
    except RegistryError as error:
        raise CommandFailed("registry", [without_password(str(error))]) from error
