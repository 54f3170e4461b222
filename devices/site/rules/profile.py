"""What must hold within one profile, whether a site file declares it or a Python class does."""

from __future__ import annotations

from collections.abc import Iterator

from ...model.codec import TagCodec
from ..definitions.declared import compile_tag
from ..definitions.problems import Path, suggestion
from ..forms.schema import ProfileForm, canonical
from ..forms.structure import ProfileParts
from .action import check_action
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
    return codecs


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
