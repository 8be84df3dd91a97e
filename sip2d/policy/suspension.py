"""Suspensions: overdue blocks and demerits, when they come, how long they last, what is used up
(circulation.md 9)."""

import msgspec


class BlockDefinition(msgspec.Struct, frozen=True):
    """What a stored block does (BL-4..BL-8). ``actions`` are those of its action code, joined by commas;
    ``text`` is its description's."""

    institution_id: int
    code: str
    description_code: str
    text: str
    actions: str
    type: str
    override: str
    network_block: bool


class DemeritRule(msgspec.Struct, frozen=True):
    """A row of the demerit table (BL-30); None stands for ALL."""

    patron_type_id: int | None
    item_type_id: int | None
    points_overdue: int
    points_recall: int
