"""What must hold between the parts of a site.

Strategy: `structure` has checked every value alone; these rules need two or more of them, and the codecs,
which know what a tag can hold. Rules look only at what is sound, and say nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..codec import TagCodec
from ..model import Access, LinkSettings, Tag
from .action_rules import check_action
from .compile import compile_device, compile_tag, resolve_python
from .problems import Path, Problem, SiteError, path_text, suggestion
from .schema import DeviceForm, ProfileForm, canonical
from .structure import ProfileParts, SiteParts
from .tag_rules import check_tag
from .values import is_python_class


def check_site(parts: SiteParts) -> list[Problem]:
    """Everything that is wrong between the parts."""
    findings: list[tuple[Path, str]] = []
    codecs: dict[str, dict[str, TagCodec]] = {}
    for name, profile in parts.profiles.items():
        codecs[name] = dict(_checked_tags(profile, ("profiles", name), findings))
        for action, found in profile.actions.items():
            path = ("profiles", name, "actions", action)
            findings += check_action(action, found, path, codecs[name], profile.tag_names)
    findings += _check_devices(parts, codecs)
    return [Problem(path, message) for path, message in findings]


def _checked_tags(
    profile: ProfileParts, path: Path, findings: list[tuple[Path, str]]
) -> Iterator[tuple[str, TagCodec]]:
    head = profile.head or ProfileForm()
    for name, form in profile.tags.items():
        tag = compile_tag(name, canonical(form), head.word_order, head.byte_order)
        found = list(check_tag(tag, form, (*path, "tags", name)))
        if tag.verify and tag.verify.tag and tag.verify.tag not in profile.tag_names:
            close = suggestion(tag.verify.tag, profile.tag_names)
            found.append(((*path, "tags", name, "verify", "tag"), f"unknown tag `{tag.verify.tag}`{close}"))
        findings += found
        if not found:
            yield name, TagCodec(tag)


# --- devices ----------------------------------------------------------------------------------------


def _check_devices(
    parts: SiteParts, codecs: Mapping[str, Mapping[str, TagCodec]]
) -> Iterator[tuple[Path, str]]:
    first: dict[tuple[str, object], int] = {}
    for index, (raw, form) in enumerate(parts.devices):
        path: Path = ("devices", index)
        for field in ("id", "name"):
            value = raw.get(field)
            if isinstance(value, int | str) and first.setdefault((field, value), index) != index:
                other = path_text(("devices", first[field, value]))
                yield (*path, field), f"{value!r} is the {field} of another device too ({other})"
        if form is None:
            continue
        yield from _check_profile(form, path, parts.profile_names)
        if form.link.model_fields_set and form.profile in codecs:
            link = compile_device(canonical(form)).link
            yield from _check_limits(codecs[form.profile].values(), form.profile, link, (*path, "link"))


def _check_profile(form: DeviceForm, path: Path, known: Iterable[str]) -> Iterator[tuple[Path, str]]:
    if form.profile in known:
        return
    if not is_python_class(form.profile):
        close = suggestion(form.profile, known) or "; it must stand under `profiles`"
        yield (*path, "profile"), f"unknown profile `{form.profile}`{close}"
        return
    try:
        resolve_python(form.profile)
    except SiteError as error:
        for problem in error.problems:
            yield (*path, "profile"), problem.message


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
    if tag.access is Access.RW:
        yield f"max_write_{kind}"
