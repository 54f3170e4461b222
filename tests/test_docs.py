"""The documents tell the truth: links, commands, snippets, and the tables that repeat the code."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer
import yaml
from house import imported_folders
from plcmq.broker import config
from plcmq.broker.cli.app import app
from plcmq.client.protocol.errors import MEANINGS
from plcmq.devices.simulator.faults.script import FAULTS, parse_script
from plcmq.devices.site.load import load_site

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
PAGES += sorted((ROOT / "docs").rglob("*.md"))
FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def snippets(page: Path, language: str) -> list[str]:
    return [text for name, text in FENCE.findall(page.read_text()) if name == language]


def all_snippets(language: str) -> list[object]:
    return [
        pytest.param(text, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, text in enumerate(snippets(page, language))
    ]


def table_after(page: str, mark: str) -> list[list[str]]:
    """The rows of the table that follows a mark, without the head."""
    text = (ROOT / page).read_text().partition(mark)[2]
    rows = text.partition("\n|")[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = FENCE.sub("", page.read_text())
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(FENCE.sub("", page.read_text())):
        if link.startswith(("https://", "http://")):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def command_lines() -> list[object]:
    """Every `plcmq …` of the documents: in shell snippets, and between backticks."""
    found: set[str] = set()
    for page in PAGES:
        if page.parent.name == "decisions":  # they record what was thought then
            continue
        for language in ("console", "sh", "bash", "ini"):
            for snippet in snippets(page, language):
                found |= set(re.findall(r"(?:^\$ |^|/bin/)(plcmq(?: .*)?)$", snippet, re.MULTILINE))
        text = FENCE.sub("", page.read_text())
        found |= set(re.findall(r"`(plcmq [^`…]+)`", text))
    printed = "plcmq serves "  # by the program itself
    return [pytest.param(line, id=line) for line in sorted(found) if not line.startswith(printed)]


@pytest.mark.parametrize("line", command_lines())
def test_every_command_line_fits_the_program(line: str) -> None:
    """Its commands and options exist; arguments are looked at where there are any."""
    words = shlex.split(line.partition(" > ")[0], comments=True)[1:]
    command = typer.main.get_command(app)
    while words and (group := getattr(command, "commands", None)):
        if words[0].startswith("-"):
            break
        assert words[0] in group, words[0]
        command = group[words.pop(0)]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options | {"--help"}
    if words and words[0] not in options:  # a line that only names an option is no call
        command.make_context("plcmq", words)


def test_the_makefile_has_every_target_that_the_documents_name() -> None:
    named = {
        target
        for page in PAGES
        for target in re.findall(r"(?:`|^\$ )make ([a-z-]+)", page.read_text(), re.MULTILINE)
    }
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("source", all_snippets("python"))
def test_python_snippets_compile_and_import_what_exists(source: str) -> None:
    tree = ast.parse(source)
    compile(source, "snippet", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("plcmq"):
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, alias.name) for alias in node.names)


def is_site(text: str) -> bool:
    content = yaml.safe_load(text)
    return isinstance(content, dict) and content.keys() == {"profiles", "devices"} and "…" not in text


@pytest.mark.parametrize("text", all_snippets("yaml"))
def test_yaml_snippets_are_what_they_seem(text: str, tmp_path: Path) -> None:
    """Whole site files load; fault scripts parse; the rest is YAML."""
    content = yaml.safe_load(text)
    if is_site(text):
        site = tmp_path / "site.yaml"
        site.write_text(text)
        assert load_site(site).devices
    elif isinstance(content, dict) and "faults" in content:
        assert parse_script(content)


@pytest.mark.parametrize("text", all_snippets("json"))
def test_json_snippets_are_json(text: str) -> None:
    assert isinstance(yaml.safe_load(text), dict)  # YAML holds JSON


@pytest.mark.parametrize("text", all_snippets("toml"))
def test_settings_snippets_are_settings(text: str) -> None:
    assert isinstance(config.resolve({}, {}, tomllib.loads(text)), config.Settings)


def test_the_service_unit_passes_systemds_own_check(tmp_path: Path) -> None:
    (unit,) = [text for text in snippets(ROOT / "docs/operations.md", "ini") if "[Unit]" in text]
    path = tmp_path / "plcmq.service"
    path.write_text(unit.replace("/opt/plcmq/bin/plcmq", "/bin/true"))
    try:
        done = subprocess.run(
            ["systemd-analyze", "verify", str(path)], capture_output=True, text=True, timeout=60
        )
    except FileNotFoundError:
        pytest.skip("no systemd here")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_settings_table_is_the_settings() -> None:
    """Names, variables, flags and defaults of `docs/operations.md` are those of broker/config.py."""
    rows = table_after("docs/operations.md", "<!-- settings:")
    names = [row[0].strip("`") for row in rows]
    assert sorted(names) == sorted(config._KINDS)
    for name, variable, option, _of, default, _meaning in rows:
        name = name.strip("`")
        assert variable == f"`PLCMQ_{name.upper()}`"
        assert option == f"`{config.flag(name)}`"
        if name != "host_name":
            given = {variable.strip("`"): default.strip("`")}
            without_name = {"PLCMQ_HOST_NAME": "here"}  # its default is another on each machine
            assert config.resolve({}, given | without_name, {}) == config.resolve({}, without_name, {})


def test_the_error_table_is_the_errors() -> None:
    """`docs/protocol.md` has a row for each code, its outcome, whether it is retryable, its status."""
    rows = table_after("docs/protocol.md", "## Errors")
    told = {row[0].strip("`"): (row[1], row[2], row[-1]) for row in rows}
    assert told.keys() == {str(code) for code in MEANINGS}
    for code, meaning in MEANINGS.items():
        outcome, retryable, http = told[str(code)]
        assert http == str(meaning.http)
        if outcome not in ("see below", "as it was"):
            assert (outcome, retryable) == (str(meaning.outcome), "yes" if meaning.retryable else "no")


def test_the_fault_table_is_the_faults() -> None:
    """`docs/simulator.md` has a row for each fault, with all of its parameters."""
    shared = {"p", "functions", "units"}
    rows = {row[0].strip("`"): row[2] for row in table_after("docs/simulator.md", "<!-- faults:")}
    assert rows.keys() == FAULTS.keys()
    for name, kind in FAULTS.items():
        fields = {field.name for field in dataclasses.fields(kind) if field.init}
        assert fields - shared <= set(re.findall(r"`(\w+)`", rows[name])) <= fields, name


ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
PLACE = re.compile(r"(?<![\w/])(?:client|devices|broker|gateway)/[\w/]*(?:\.py)?")


@pytest.mark.parametrize("place", sorted(set(PLACE.findall(ARCHITECTURE))))
def test_every_place_that_the_architecture_names_is_there(place: str) -> None:
    assert (ROOT / place).exists()


@pytest.mark.parametrize("folder", sorted(imported_folders()))
def test_the_architecture_names_every_folder(folder: str) -> None:
    parent, _, name = folder.rpartition("/")
    rows = [line for line in ARCHITECTURE.splitlines() if line.startswith("| `")]
    assert any(f"`{folder}/" in row or (f"`{parent}/`" in row and f"`{name}/`" in row) for row in rows)
