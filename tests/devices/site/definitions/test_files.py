"""Several files as one site, with every problem at its place."""

from __future__ import annotations

from pathlib import Path

import pytest
from plcmq.devices.site.definitions.problems import SiteError
from plcmq.devices.site.load import load_site

PRESS = "profiles: {press: {tags: {a: {address: 'holding:0', type: uint16}}}}\n"


def device(number, profile="press", **more):
    fields = {"id": number, "name": f"d{number}", "host": f"10.0.{number // 250}.{number % 250 + 1}"}
    text = ", ".join(f"{key}: {value}" for key, value in {**fields, "profile": profile, **more}.items())
    return f"  - {{{text}}}\n"


def write(folder, **files):
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def problems(*paths):
    with pytest.raises(SiteError) as refused:
        load_site(*paths)
    return str(refused.value)


def test_three_hundred_devices_from_twelve_files(tmp_path: Path) -> None:
    write(tmp_path, profiles__press=PRESS, profiles__big="profiles: {big: {extends: press}}\n")
    for hall in range(9):
        numbers = range(hall * 34, min(300, hall * 34 + 34))
        text = "devices:\n" + "".join(device(n, address_offset=n) for n in numbers)
        write(tmp_path, **{f"halls__hall{hall}": text})
    main = write(tmp_path, site="include: [profiles/*.yaml, 'halls/*.yaml']\n") / "site.yaml"
    content = load_site(main)
    assert len(content.devices) == 300
    assert set(content.profiles) == {"press", "big"}
    assert content.devices[7]["address_offset"] == 7


def test_a_folder_is_all_its_files_and_order_does_not_matter(tmp_path: Path) -> None:
    write(tmp_path, a_devices="devices:\n" + device(1), b_press=PRESS)
    (tmp_path / "notes.txt").write_text("not yaml: [")
    assert load_site(tmp_path) == load_site(tmp_path / "b_press.yaml", tmp_path / "a_devices.yaml")


def test_a_problem_is_told_with_its_own_file_line_and_path(tmp_path: Path) -> None:
    write(tmp_path, a=PRESS, b="devices:\n" + device(1) + device(2, port=0))
    assert f"{tmp_path}/b.yaml:3: devices[1].port: must be at least 1" in problems(tmp_path)


def test_a_name_that_is_defined_twice_names_both_places(tmp_path: Path) -> None:
    write(tmp_path, a=PRESS, b="# a comment\n" + PRESS)
    text = problems(tmp_path)
    assert f"{tmp_path}/b.yaml:2: profiles.press: stands in {tmp_path}/a.yaml:1 too" in text


def test_a_device_that_is_defined_twice_is_refused(tmp_path: Path) -> None:
    write(tmp_path, a=PRESS, b="devices:\n" + device(1), c="devices:\n" + device(1))
    assert f"{tmp_path}/c.yaml:2: devices[0].id: 1 is the id of another device too" in problems(tmp_path)


@pytest.mark.parametrize(
    ("include", "why"),
    [
        ("../other.yaml", "must stay within this file's folder"),
        ("/etc/passwd", "must stay within this file's folder"),
        ("missing.yaml", "there is no file `missing.yaml`"),
        ("site.yaml", "includes this file in turn"),
        ("link.yaml", "lies outside this file's folder"),
        ("[5]", "must be a file's name"),
    ],
)
def test_what_cannot_be_included_is_named(tmp_path: Path, include: str, why: str) -> None:
    (tmp_path / "other.yaml").write_text(PRESS)
    folder = write(tmp_path / "plant", site=f"include: {include}\n")
    (folder / "link.yaml").symlink_to(tmp_path / "other.yaml")
    text = problems(folder / "site.yaml")
    assert why in text
    assert f"{folder}/site.yaml:1: include" in text


def test_a_file_that_two_others_include_is_read_once(tmp_path: Path) -> None:
    write(tmp_path, press=PRESS, a="include: press.yaml\n", b="include: press.yaml\ndevices:\n" + device(1))
    assert len(load_site(tmp_path).devices) == 1


def test_an_offset_must_leave_every_tag_in_its_table(tmp_path: Path) -> None:
    write(tmp_path, a=PRESS, b="devices:\n" + device(1, address_offset=-1))
    assert "devices[0].address_offset: moves tag `a` to address -1" in problems(tmp_path)
