"""Notices that never were: what a template is tried on when it is saved, and what a preview without a real
notice shows."""

from collections.abc import Iterator
from typing import Final

from sip2d.notices.context import ITEM, ROWS, Facts, names_of

_AT: Final = 1_772_463_599  # 2 March 2026, 23:59:59 in Central Europe
_ROW: Final[dict[str, object]] = {
    "title": "Les Misérables",
    "author": "Victor Hugo",
    "barcode": "30001000001",
    "due_at": _AT,
    "branch": "Central",
}
_VALUES: Final[dict[str, object]] = {
    **_ROW,
    "patron_name": "Zoë Müller",
    "patron_barcode": "21000000001",
    "branch_name": "Central",
    "library_name": "Public library",
    "today": "2026-03-09",
    "copy": "30001000001",
    "pickup_branch": "Central",
    "shelf_expires_at": _AT,
    "amount_minor": 2000,
    "reason": "Membership",
    "policy": "Adult",
    "period": 1,
    "period_unit": "YEAR",
    "expires_on": "2027-03-09",
    "days": 14,
    "level": 1,
}


def values(code: str) -> dict[str, object]:
    """What the writer of such a notice would give, with invented items."""
    known = names_of(code)
    rows: dict[str, object] = {ROWS: [_ROW, {**_ROW, "title": "Emma", "author": "Jane Austen"}]}
    return {name: value for name, value in {**_VALUES, **rows}.items() if name in known}


def notices(code: str) -> Iterator[Facts]:
    """A notice with everything, and one that lacks what may be missing: an amount, an author."""
    whole = values(code)
    yield Facts.of(whole)
    kept = ("patron_name", "patron_barcode", "branch_name", "library_name", "today", "title")
    bare: dict[str, object] = {name: value for name, value in whole.items() if name in kept}
    if ROWS in whole:
        bare[ROWS] = [dict.fromkeys(ITEM)]
    yield Facts.of(bare)
