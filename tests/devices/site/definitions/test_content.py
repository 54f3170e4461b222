"""Definitions as plain data: which profile names stand for a Python class."""

from __future__ import annotations

import pytest
from plcmq.devices.site.definitions.content import is_python_class


@pytest.mark.parametrize("name", ["presses:Press", "mypackage.presses:Press", "a_1.b:C2"])
def test_a_module_and_a_class_are_a_python_class(name):
    assert is_python_class(name)


@pytest.mark.parametrize(
    "name", ["press", "press.small", "1:Press", "presses:", ":Press", "a.b:C.D", "a b:C"]
)
def test_anything_else_is_a_declared_profile(name):
    assert not is_python_class(name)
