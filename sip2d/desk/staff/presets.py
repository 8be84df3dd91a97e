"""Presets: bundles of branch settings and message levels applied at once (CN-5, issue 2.4)."""

from collections.abc import Mapping
from typing import Any

import msgspec

from sip2d.desk.staff import branches, find, messages
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.store.records import Record
from sip2d.vocabulary import MessageKey, Support


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A preset as its file says it.

    ``other_messages``: the level of the messages it does not name; None leaves them alone. ``hint``: what
    else the operator should do.
    """

    caption: str
    branch: dict[str, bool | int | str] = {}
    messages: dict[str, str] = {}
    other_messages: str | None = None
    hint: str = ""


def parse(name: str, said: Mapping[str, Any]) -> Preset:
    """A preset from its TOML; everything in it is checked. Raises `Refused` with one sentence."""
    try:
        preset = msgspec.convert(said, Preset)
    except msgspec.ValidationError as error:
        raise Refused(f"The preset {name} makes no sense: {error}.") from None
    for key, value in preset.branch.items():
        branches.check_setting(key, value)
    levels(preset)
    return preset


def levels(preset: Preset) -> dict[MessageKey, Support]:
    """The level of every message the preset speaks of."""
    named = {
        (key := messages.key_of(name)): messages.level_of(key, level)
        for name, level in preset.messages.items()
    }
    if preset.other_messages is None:
        return named
    rest = {key: messages.level_of(key, preset.other_messages) for key in MessageKey if key not in named}
    return named | rest


def apply(work: Work, branch_name: str, name: str, preset: Preset) -> Record:
    """Set what the preset says and nothing else; the branch is CONFIGURED from then on."""
    place = find.branch(work, branch_name)
    work.require(Act.CONFIGURE_SERVICE, place.institution_id, place.id)
    messages.save(work, place, levels(preset))
    branches.save_sip2(work, place.id, preset.branch, preset=name, action="preset")
    shown = branches.show(work, branch_name)
    support = messages.support_of(work, place.id)
    return {
        **shown,
        "messages": {key.name: str(level) for key, level in support.items()},
        "hint": preset.hint,
    }
