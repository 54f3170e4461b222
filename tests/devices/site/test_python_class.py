"""Classes as profiles: found, checked in the words of site files, and what is said where that fails."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from plcmq.devices.model.tags import Access, Order, Type
from plcmq.devices.site import python_class
from plcmq.devices.site.compile import compile_profile, compile_site
from plcmq.devices.site.definitions.export import site_text
from plcmq.devices.site.definitions.problems import SiteError
from plcmq.devices.site.load import parse_site
from plcmq.devices.site.python_class import python_form, resolve_python

HEAD = """
from typing import Annotated
from plcmq.devices.python.device import Device, Tag, action
"""
PRESS = (
    HEAD
    + '''
class Press(Device):
    """Hydraulic press
    with a batch counter.

    More of it.
    """

    word_order = "little"
    batch_size = Tag("40001", "uint16", access="rw", min=1, max=500, verify=True)
    start = Tag("coil:0", "bool", access="rw")
    running = Tag("discrete:0", "bool")
    batch_no = Tag("holding:10", "uint32")

    @action
    async def start_batch(self, batch_size: Annotated[int, {"maximum": 500}] = 15) -> dict:
        """Load the batch parameters.

        Args:
            batch_size: How many.
        """
        return await self.read("batch_no")

class Better(Press):
    batch_no = Tag("holding:20", "uint32", word_order="big")
    speed = Tag("holding:22", "float32")

class Stranger:
    pass
'''
)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes a module that can be imported; its name."""
    monkeypatch.syspath_prepend(tmp_path)
    made: list[str] = []

    def make(text: str) -> str:
        name = f"presses_{tmp_path.name}_{len(made)}"
        (tmp_path / f"{name}.py").write_text(text)
        made.append(name)
        return name

    yield make
    for name in made:
        sys.modules.pop(name, None)


def problem(path: str) -> str:
    with pytest.raises(SiteError) as caught:
        resolve_python(path)
    return str(caught.value)


def test_a_class_is_a_profile(module) -> None:
    path = f"{module(PRESS)}:Press"
    profile = resolve_python(path)
    assert (profile.name, profile.description) == (path, "Hydraulic press with a batch counter.")
    assert list(profile.tags) == ["batch_size", "start", "running", "batch_no"]
    tag = profile.tags["batch_size"]
    assert (str(tag.table), tag.address, tag.type) == ("holding", 0, Type.UINT16)
    assert (tag.access, tag.min, tag.max) == (Access.RW, 1, 500)
    assert tag.verify is not None
    assert profile.tags["batch_no"].word_order is Order.LITTLE
    action = profile.actions["start_batch"]
    assert action.description == "Load the batch parameters."
    assert action.script is not None
    assert action.args == {
        "batch_size": {"type": "integer", "maximum": 500, "default": 15, "description": "How many."}
    }


def test_a_class_inherits_tags_and_actions_and_may_change_them(module) -> None:
    profile = resolve_python(f"{module(PRESS)}:Better")
    assert list(profile.tags) == ["batch_size", "start", "running", "batch_no", "speed"]
    assert profile.tags["batch_no"].address == 20
    assert profile.tags["batch_no"].word_order is Order.BIG
    assert "start_batch" in profile.actions
    assert profile.description == "Hydraulic press with a batch counter."


def test_a_site_names_a_class_and_export_keeps_it(module) -> None:
    path = f"{module(PRESS)}:Press"
    content = parse_site(f"devices: [{{id: 1, name: a, host: h, profile: '{path}', link: {{max_gap: 2}}}}]")
    assert path in compile_site(content).profiles
    assert parse_site(site_text(content)) == content
    assert compile_profile("x", {"python": path}).name == "x"


def test_the_limits_of_the_link_hold_for_the_tags_of_a_class(module) -> None:
    path = f"{module(PRESS)}:Press"
    with pytest.raises(SiteError, match="max_registers: 1 is too few: tag `batch_no`"):
        parse_site(f"devices: [{{id: 1, name: a, host: h, profile: '{path}', link: {{max_registers: 1}}}}]")


def test_a_package_may_offer_classes_under_short_names(module, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"{module(PRESS)}:Press"
    offered = [EntryPoint("acme-press", path, "plcmq.profiles")]
    monkeypatch.setattr(python_class, "entry_points", lambda *, group: offered if "plcmq" in group else [])
    python_class.entry_points_of_profiles.cache_clear()
    try:
        assert python_form("acme-press") == {"python": path}
        site = compile_site(parse_site("devices: [{id: 1, name: a, host: h, profile: acme-press}]"))
        assert site.profiles["acme-press"].name == "acme-press"
        with pytest.raises(SiteError, match="did you mean `acme-press`"):
            parse_site("devices: [{id: 1, name: a, host: h, profile: acme-pres}]")
    finally:
        python_class.entry_points_of_profiles.cache_clear()


def test_a_module_that_is_not_there_is_named_with_what_to_do() -> None:
    assert "there is no module `nowhere`; install it, or put its folder on PYTHONPATH" in problem(
        "nowhere.at:Press"
    )


def test_a_module_that_lacks_another_one_is_no_missing_module(module) -> None:
    name = module("import not_there_at_all")
    assert f"module `{name}` needs `not_there_at_all`, which is not installed" in problem(f"{name}:Press")


def test_a_module_that_fails_is_told_with_its_exception(module) -> None:
    name = module("1 / 0")
    assert f"module `{name}` cannot be imported: ZeroDivisionError: division by zero" in problem(
        f"{name}:Press"
    )


def test_a_class_that_is_not_there_is_told_the_nearest_one(module) -> None:
    assert "did you mean `Press`?" in problem(f"{module(PRESS)}:Pres")
    assert "; it has Press, Better" in problem(f"{module(PRESS)}:Xyz")


def test_a_class_of_another_kind_is_refused(module) -> None:
    assert "must derive from plcmq.devices.Device" in problem(f"{module(PRESS)}:Stranger")
    assert "must derive from" in problem(f"{module(HEAD)}:Tag")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('a = Tag("holding:0", "uint61")', "tags.a.type: unknown type `uint61`; did you mean `uint64`?"),
        ('a = Tag("holding:x", "uint16")', "tags.a.address: "),
        ('a = Tag("input:0", "uint16", access="rw")', "tags.a"),
        ('a = Tag("holding:0", "uint16", min="x")', "tags.a.min: must be a number"),
        ('a = Tag("holding:0", "uint16", verify={"tag": "b"})', "tags.a.verify.tag: unknown tag `b`"),
        ('read = Tag("holding:0", "uint16")', "tags.read: the name `read` is one that every device has"),
        ('word_order = "middle"', "word_order: unknown word order `middle`"),
        ("@action\n    async def go(self, a): ...", "actions.go.args.a: needs a type"),
        ("@action\n    async def go(self, a: bytes): ...", "actions.go.args.a: has the type bytes"),
        ("@action\n    async def go(self, a: int = 'x'): ...", "actions.go.args.a.default: does not fit"),
        ("@action\n    def go(self): ...", "actions.go: must be a coroutine: `async def`"),
        ("@action\n    async def status(self): ...", "actions.status: `status` is an action that every"),
        ("@action\n    async def pulse(self): ...", "actions.pulse: the name `pulse` is one that every"),
    ],
)
def test_a_mistake_is_told_in_the_words_of_site_files(module, body: str, said: str) -> None:
    path = f"{module(f'{HEAD}class Bad(Device):{chr(10)}    {body}{chr(10)}')}:Bad"
    assert f"profiles.{path}.{said}" in problem(path)
    with pytest.raises(SiteError) as caught:
        parse_site(f"devices:\n- {{id: 1, name: a, host: h, profile: '{path}'}}", "site.yaml")
    assert f"site.yaml:2: devices[0].profile: {said}" in str(caught.value)


def test_all_mistakes_are_told_at_once(module) -> None:
    text = HEAD + 'class Bad(Device):\n    a = Tag("x", "uint16")\n    b = Tag("holding:0", "y")\n'
    with pytest.raises(SiteError) as caught:
        resolve_python(f"{module(text)}:Bad")
    assert len(caught.value.problems) == 2


def test_the_class_of_the_documentation_can_be_used(module) -> None:
    guide = (Path(__file__).parents[3] / "docs" / "python-devices.md").read_text(encoding="utf-8")
    code = guide.partition("```python\n")[2].partition("```")[0]
    profile = resolve_python(f"{module(code)}:Press")
    assert profile.actions["start_batch"].args["nok_num"]["description"].startswith("Consecutive")
