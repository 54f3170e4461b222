"""What must hold within one profile, whether a site file declares it or a Python class does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...model.codec import TagCodec
from ...model.numbers import RANGES
from ...model.tags import Access, Tag
from ..definitions.declared import compile_tag
from ..definitions.problems import Findings, Path, suggestion
from ..forms.base import canonical
from ..forms.schema import ProfileForm
from ..forms.structure import ProfileParts
from .action import check_action, check_on_connect, check_written
from .tag import check_tag


def check_profile(profile: ProfileParts, path: Path, findings: list[tuple[Path, str]]) -> dict[str, TagCodec]:
    """Everything that is wrong between the parts of a profile.

    Args:
        profile: what is sound in it.
        path: where it stands.
        findings: gets what is wrong.

    Returns:
        The codecs of the sound tags.
    """
    codecs = dict(_checked_tags(profile, path, findings))
    for name, action in profile.actions.items():
        findings += check_action(name, action, (*path, "actions", name), codecs, profile.tag_names)
    if profile.head is not None:
        findings += check_on_connect(
            profile.head.on_connect, (*path, "on_connect"), codecs, profile.tag_names
        )
        findings += _check_heartbeats(profile, (*path, "heartbeat"), codecs)
    return codecs


def _check_heartbeats(profile: ProfileParts, path: Path, codecs: Mapping[str, TagCodec]) -> Findings:
    for index, beat in enumerate(profile.head.heartbeat if profile.head else ()):
        place = (*path, index)
        if beat.tag not in profile.tag_names:
            yield (*place, "tag"), f"unknown tag `{beat.tag}`{suggestion(beat.tag, profile.tag_names)}"
        codec = codecs.get(beat.tag)
        if codec is None:
            continue
        if beat.count and (codec.tag.type not in RANGES or codec.tag.is_scaled or codec.tag.enum):
            yield (*place, "count"), f"counts whole numbers, and tag `{beat.tag}` holds something else"
        values = [0] if beat.count else beat.values or [beat.value]
        for value in values:
            yield from check_written(codec, value, place)


def _check_exponent(tag: Tag, profile: ProfileParts, path: Path) -> Findings:
    other = tag.scale_exponent or ""
    if other not in profile.tag_names:
        yield path, f"unknown tag `{other}`{suggestion(other, profile.tag_names)}"
        return
    form = profile.tags.get(other)
    if form is None:
        return
    if form.type not in RANGES or form.count is not None or form.enum or form.access is Access.WO:
        yield path, f"tag `{other}` holds no whole number that could be an exponent"
    elif form.scale_exponent is not None or form.scale != 1 or form.offset != 0:
        yield path, f"tag `{other}` has a scale of its own"


def _checked_tags(
    profile: ProfileParts, path: Path, findings: list[tuple[Path, str]]
) -> Iterator[tuple[str, TagCodec]]:
    head = profile.head or ProfileForm()
    for name, form in profile.tags.items():
        try:
            tag = compile_tag(name, canonical(form), head.word_order, head.byte_order)
        except ValueError as error:  # a raw number of `no_value` that the type does not have
            findings.append(((*path, "tags", name, "no_value"), str(error)))
            continue
        found = list(check_tag(tag, form, (*path, "tags", name)))
        if tag.verify and tag.verify.tag and tag.verify.tag not in profile.tag_names:
            close = suggestion(tag.verify.tag, profile.tag_names)
            found.append(((*path, "tags", name, "verify", "tag"), f"unknown tag `{tag.verify.tag}`{close}"))
        other = tag.scale_exponent
        if other is not None:
            found += _check_exponent(tag, profile, (*path, "tags", name, "scale_exponent"))
        findings += found
        if not found:
            yield name, TagCodec(tag)
