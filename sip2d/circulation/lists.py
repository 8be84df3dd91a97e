"""The one list a 64 carries: which one the summary asks for, and which page of it (sip2.md 2.5, SP-10)."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from sip2d.circulation.answers import amount
from sip2d.circulation.call import Call
from sip2d.policy.facts import PatronFacts
from sip2d.store import holds, ledger, loans
from sip2d.store.unit import Unit
from sip2d.wire.messages import PatronInformation
from sip2d.wire.template import fill

Lines = tuple[str, ...]


NOTHING: Final[Sequence[Lines]] = ((), (), (), (), (), ())
"""The six lists in the order of the summary, all empty; of those of an answer at most one is filled."""


def bounds(request: PatronInformation) -> tuple[int, int | None]:
    """BP and BQ: 1-based, inclusive. Nonsense is 1 and the end; a start behind the end gives nothing (quirks
    E10)."""
    if not request.start_item and not request.end_item:  # nearly always
        return 1, None
    return _position(request.start_item) or 1, _position(request.end_item)


def _position(text: str | None) -> int | None:
    if not text:
        return None
    digits = text.strip()
    return (
        int(digits) if digits.isascii() and digits.isdigit() and 0 < len(digits) < 8 and int(digits) else None
    )


def wanted_list(request: PatronInformation) -> int:
    """The place of the list that is asked for: the first Y wins (peers 4); -1 when none is."""
    return request.summary.upper().find("Y")


def page(unit: Unit, call: Call, request: PatronInformation, patron: PatronFacts) -> Sequence[Lines]:
    """The six lists, the asked one filled; places 6-9 of the summary ask for none."""
    wanted = wanted_list(request)
    if not 0 <= wanted < len(NOTHING):
        return NOTHING
    rows = _READERS[wanted](unit, call, patron)
    start, end = bounds(request)
    if call.profile.max_list_items:
        last = start + call.profile.max_list_items - 1
        end = last if end is None else min(end, last)
    lists = [*NOTHING]
    lists[wanted] = tuple(rows[start - 1 : end])
    return lists


def _loans(unit: Unit, call: Call, patron: PatronFacts, which: str) -> list[str]:
    if not patron.loans:
        return []
    by_title = call.profile.loan_list == "title"
    return loans.names_of_patron(unit, patron.id, call.now, which, by_title=by_title)


def _holds(unit: Unit, call: Call, patron: PatronFacts, which: str) -> list[str]:
    by_title = call.profile.hold_list == "title"
    return [
        row.title if by_title else (row.barcode or row.title_number)
        for row in holds.of_patron(unit, patron.id, which)
    ]


def _ready(unit: Unit, call: Call, patron: PatronFacts) -> list[str]:
    ready = _holds(unit, call, patron, "ready")
    return ready + (_holds(unit, call, patron, "pending") if call.profile.hold_count == "all" else [])


def _fees(unit: Unit, call: Call, patron: PatronFacts) -> list[str]:
    template = call.profile.av_template
    return [
        fill(
            template,
            {
                "amount": amount(call, row.outstanding_minor),
                "currency": call.institution.currency,
                "type": row.kind,
                "title": row.title or row.reason,
                "item": row.barcode or "",
                "date": f"{row.created_at.astimezone(call.branch.zone):%Y-%m-%d}",
                "fee": str(row.fee_id),
            },
        )
        for row in ledger.outstanding(unit, patron.id)
    ]


def shows_loans(request: PatronInformation, call: Call) -> bool:
    """Whether the 64 will list all that is on loan."""
    return call.branch.sip2.send_personal_data and wanted_list(request) == _ALL_LOANS


_READERS: Final[tuple[Callable[[Unit, Call, PatronFacts], list[str]], ...]] = (
    _ready,
    partial(_loans, which="overdue"),
    partial(_loans, which="charged"),
    _fees,
    partial(_loans, which="recalled"),
    partial(_holds, which="pending"),
)
_ALL_LOANS: Final = 2
"""The place of all that is on loan, in the summary and above."""
