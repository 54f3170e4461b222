"""What must hold between the parts of a site.

Strategy: `structure` has checked every value alone; these rules need two or more of them, and the codecs,
which know what a tag can hold. Rules look only at what is sound, and say nothing twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from ..modbus.limits import LAST_ADDRESS
from ..model.codec import TagCodec
from ..model.codec import codecs as codecs_of
from ..model.devices import LinkSettings
from ..model.tags import Tag
from .compile import compile_device
from .definitions.hosts import Spellings
from .definitions.problems import Path, Problem, SiteError, path_text, suggestion
from .forms.base import canonical
from .forms.schema import DeviceForm
from .forms.structure import SiteParts
from .python_class import entry_points_of_profiles, python_form, resolve_python
from .rules.profile import check_profile


def check_site(parts: SiteParts) -> list[Problem]:
    """Everything that is wrong between the parts."""
    findings: list[tuple[Path, str]] = []
    codecs: dict[str, dict[str, TagCodec]] = {}
    for name, profile in parts.profiles.items():
        codecs[name] = check_profile(profile, ("profiles", name), findings)
    findings += _check_devices(parts, codecs)
    return [Problem(path, message) for path, message in findings]


def _check_devices(parts: SiteParts, codecs: dict[str, dict[str, TagCodec]]) -> Iterator[tuple[Path, str]]:
    first: dict[tuple[str, object], int] = {}
    spellings = Spellings()
    for index, (raw, form) in enumerate(parts.devices):
        path: Path = ("devices", index)
        for field in ("id", "name"):
            value = raw.get(field)
            if isinstance(value, int | str) and first.setdefault((field, value), index) != index:
                other = path_text(("devices", first[field, value]))
                yield (*path, field), f"{value!r} is the {field} of another device too ({other})"
        if form is None:
            continue
        if why := spellings.problem(form.name, form.host, form.port):
            yield (*path, "host"), why
        yield from _check_profile(form, path, parts.profile_names, codecs)
        if form.address_offset and form.profile in codecs:
            yield from _check_offset(codecs[form.profile].values(), form.address_offset, path)
        if form.link.model_fields_set and form.profile in codecs:
            link = compile_device(canonical(form)).link
            yield from _check_limits(codecs[form.profile].values(), form.profile, link, (*path, "link"))


def _check_profile(
    form: DeviceForm, path: Path, known: Collection[str], codecs: dict[str, dict[str, TagCodec]]
) -> Iterator[tuple[Path, str]]:
    """Whether the profile exists; the codecs of one in Python are added to the others."""
    if form.profile in known or form.profile in codecs:
        return
    python = python_form(form.profile)
    if python is None:
        names = {*known, *entry_points_of_profiles()}
        close = suggestion(form.profile, names) or "; it must stand under `profiles`"
        yield (*path, "profile"), f"unknown profile `{form.profile}`{close}"
        return
    try:
        codecs[form.profile] = dict(codecs_of(resolve_python(python["python"])))
    except SiteError as error:
        for problem in error.problems:
            inside = path_text(problem.path[2:])
            yield (*path, "profile"), f"{inside}: {problem.message}" if inside else problem.message


def _check_offset(codecs: Iterable[TagCodec], offset: int, path: Path) -> Iterator[tuple[Path, str]]:
    for codec in codecs:
        first = codec.tag.address + offset
        if first < 0 or first + codec.width - 1 > LAST_ADDRESS:
            where = f"tag `{codec.tag.name}` to address {first}; a table goes from 0 to {LAST_ADDRESS}"
            yield (*path, "address_offset"), f"moves {where}"
            return


def _check_limits(
    codecs: Iterable[TagCodec], profile: str, link: LinkSettings, path: Path
) -> Iterator[tuple[Path, str]]:
    """A value is never split, so each tag must fit into one request."""
    widest: dict[str, tuple[Tag, int]] = {}
    for codec in codecs:
        for field in _limits_on(codec.tag):
            if field not in widest or codec.width > widest[field][1]:
                widest[field] = codec.tag, codec.width
    for field, (tag, width) in widest.items():
        limit = getattr(link, field)
        if width > limit:
            cells = "bits" if tag.table.is_bits else "registers"
            yield (
                (*path, field),
                f"{limit} is too few: tag `{tag.name}` of profile `{profile}` has {width} {cells}, "
                "and a value is never split",
            )


def _limits_on(tag: Tag) -> Iterator[str]:
    kind = "coils" if tag.table.is_bits else "registers"
    yield f"max_{kind}"
    if tag.access.is_writable:
        yield f"max_write_{kind}"
