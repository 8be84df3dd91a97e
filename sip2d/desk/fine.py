"""Overdue fines at the desk and in the night (LO-24..LO-38): what a loan's due period costs is computed anew
each time and the difference to what was accrued is posted, so a night too many or too few changes nothing
(PT-8, PT-15).

The rules are those in force at the moment the fine is computed for (CO-7), of the loan's policy branch
(CO-5).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from sip2d.desk import book, owner
from sip2d.desk.place import Desk
from sip2d.policy.facts import ItemFacts, LoanFacts
from sip2d.policy.fines import amount, is_hourly, room
from sip2d.policy.settings import FinesMode, Settings
from sip2d.policy.terms import Terms
from sip2d.store import fines
from sip2d.store.fines import OverdueLoan
from sip2d.store.ledger import Posting
from sip2d.store.unit import Unit

UNRETURNED: Final = "UNRETURNED"
RETURNED: Final = "RETURNED"
RENEWED: Final = "RENEWED"
LOST: Final = "LOST"
FORGIVEN: Final = "FORGIVEN"
CANCELLED: Final = "CANCELLED"


class Fined(msgspec.Struct, frozen=True):
    """What became of a loan's fine: the fee (None: there is none), what is accrued on it now, by how much
    that moved, in which transactions; ``statuses`` are the fees whose status changed, with the one before.
    """

    fee_id: int | None = None
    total_minor: int = 0
    delta_minor: int = 0
    txn_ids: tuple[int, ...] = ()
    statuses: tuple[tuple[int, str | None], ...] = ()


NOTHING: Final = Fined()


def settle(
    unit: Unit,
    desk: Desk,
    patron_id: int,
    item: ItemFacts,
    loan: LoanFacts,
    until: datetime,
    status: str,
    *,
    recalled: bool | None = None,
) -> Fined:
    """The last word on the fine of the loan's due period: due to ``until``, with status RETURNED, RENEWED or
    LOST (LO-30, CO-14, LO-50).

    More than was accrued is charged; less is taken back, and what was paid of that becomes credit (CO-21).
    With detached penalties nothing is charged, and a renewal forgives what is unpaid, unless it is to be kept
    (BR-12). ``recalled``: an overdue recall exists; without it what the loan says (LO-38). Costs no statement
    while the loan is not overdue.
    """
    _, settings = owner.of(desk, item.institution_id)
    if settings.fines_mode is FinesMode.OFF or max(until, desk.now) <= loan.due_at:
        return NOTHING
    case = _case(unit, patron_id, item, loan, recalled)
    terms = _terms(unit, desk, case, until)
    accrued = case.standing.accrued_minor
    if terms is None or terms.fine_amount is None:
        if status == RENEWED and terms is not None and not terms.detached_keeps_accrued:
            return _detached(unit, desk, case)
        return _move(unit, desk, case, accrued, status)
    total = _total(desk, settings, terms, case, until)
    if status == RETURNED and not settings.fines_on_return:
        # Final is what the last night said; but nobody pays for the days after a backdated return (CO-21).
        total = min(accrued, total) if until < desk.now else accrued
    return _move(unit, desk, case, total, status)


def accrue(
    unit: Unit, desk: Desk, patron_id: int, item: ItemFacts, loan: LoanFacts, as_of: datetime
) -> Fined:
    """What an open loan costs so far, status UNRETURNED (LO-31). Nothing for a lost item, and on a day on
    which the policy branch is closed."""
    if item.lost_status or as_of <= loan.due_at:
        return NOTHING
    return _accrue(unit, desk, _case(unit, patron_id, item, loan, None), as_of)


def accrue_page(
    unit: Unit, desk: Desk, loan_ids: Sequence[int], as_of: datetime, *, hourly: bool | None = None
) -> list[Fined]:
    """The same for at most 50 loans, those that are still open, overdue and not lost; ``hourly``: only those
    whose terms count in hours, or (False) in days. What changed, one a loan."""
    moved: list[Fined] = []
    patrons: set[int] = set()
    for case in fines.page(unit, loan_ids, as_of):
        if case.patron_id in patrons:  # what he owes has moved since the page was read (LO-29)
            owed = fines.owed(unit, case.patron_id)
            standing = msgspec.structs.replace(case.standing, owed_minor=owed)
            case = msgspec.structs.replace(case, standing=standing)
        fined = _accrue(unit, desk, case, as_of, hourly)
        if fined.txn_ids:
            moved.append(fined)
            patrons.add(case.patron_id)
    return moved


def forgive(unit: Unit, desk: Desk, loan_id: int) -> list[int]:
    """Take back what is unpaid of the loan's overdue fines (LO-51, BR-12): the transactions. What was paid
    stays paid; the fees are FORGIVEN."""
    return list(_forgiven(unit, desk, loan_id)[0])


def undo(unit: Unit, desk: Desk, detail: Mapping[str, Any] | None) -> None:
    """The fine is again as before the act whose `detail` this is (SP-23)."""
    if not detail:
        return
    for txn_id in reversed(detail["txns"]):
        book.reverse(unit, desk, txn_id)
    for fee_id, before in detail["statuses"]:
        fines.set_status(unit, fee_id, before or CANCELLED, desk.now)


def detail(fined: Fined) -> dict[str, object]:
    """What `undo` needs and a report may tell, fit for JSON; empty when nothing happened."""
    if not fined.txn_ids and not fined.statuses:
        return {}
    return {
        "fee": fined.fee_id,
        "total": fined.total_minor,
        "delta": fined.delta_minor,
        "txns": list(fined.txn_ids),
        "statuses": [list(status) for status in fined.statuses],
    }


# -- computing -----------------------------------------------------------------------------------------------


def _case(unit: Unit, patron_id: int, item: ItemFacts, loan: LoanFacts, recalled: bool | None) -> OverdueLoan:
    return OverdueLoan(
        loan_id=loan.id,
        item_id=item.id,
        patron_id=patron_id,
        policy_branch_id=loan.policy_branch_id,
        due_at=loan.due_at,
        recalled=loan.recalled_at is not None if recalled is None else recalled,
        institution_id=item.institution_id,
        item_type_id=item.type_id,
        price_minor=item.price_minor,
        standing=fines.standing(unit, patron_id, loan.id, loan.due_at),
    )


def _terms(unit: Unit, desk: Desk, case: OverdueLoan, at: datetime) -> Terms | None:
    """The terms in force at ``at``; where there are none any more those the loan was made on (CO-7); None
    when it was made without any."""
    matrix = desk.library.matrices.get(case.institution_id)
    found = None
    if matrix is not None:
        found = matrix.terms(case.policy_branch_id, case.standing.patron_type_id, case.item_type_id, at)
    if found is None and (kept := fines.snapshot(unit, case.loan_id)) != "{}":
        found = msgspec.json.decode(kept, type=Terms)
    return found


def _total(desk: Desk, settings: Settings, terms: Terms, case: OverdueLoan, end: datetime) -> int:
    library, standing = desk.library, case.standing
    target = amount(
        terms, settings, library.branches[case.policy_branch_id].calendar, case.due_at, end,
        decimals=library.institutions[case.institution_id].decimals,
        price_minor=case.price_minor,
        default_price_minor=library.item_types[case.item_type_id].default_replacement_minor,
        recalled=case.recalled,
    )  # fmt: skip
    return room(settings, standing.accrued_minor, target, standing.owed_minor)


def _accrue(unit: Unit, desk: Desk, case: OverdueLoan, as_of: datetime, hourly: bool | None = None) -> Fined:
    _, settings = owner.of(desk, case.institution_id)
    calendar = desk.library.branches[case.policy_branch_id].calendar
    if settings.fines_mode is FinesMode.OFF or not calendar.is_open(calendar.local_date(as_of)):
        return NOTHING
    terms = _terms(unit, desk, case, as_of)
    if terms is None or terms.fine_amount is None or hourly not in (None, is_hourly(terms)):
        return NOTHING
    total = _total(desk, settings, terms, case, as_of)
    if total == case.standing.accrued_minor:
        return Fined(case.standing.fee_id, total)
    return _move(unit, desk, case, total, UNRETURNED)


# -- booking -------------------------------------------------------------------------------------------------


def _move(unit: Unit, desk: Desk, case: OverdueLoan, total: int, status: str) -> Fined:
    """The fee of the due period comes to ``total`` and has this status; without an amount there is none."""
    standing = case.standing
    delta = total - standing.accrued_minor
    fee_id = standing.fee_id
    if fee_id is None:
        if not delta:
            return NOTHING
        fee_id = fines.open_fee(unit, case, desk.now)
    txn_ids: tuple[int, ...] = ()
    if delta:
        lines = _charge(fee_id, delta) if delta > 0 else _reduction(unit, case, fee_id, -delta)
        txn_ids = (book.post(unit, _creditor(desk, case.institution_id), case.patron_id, "ACCRUE", lines),)
    statuses: tuple[tuple[int, str | None], ...] = ()
    if standing.status != status:
        fines.set_status(unit, fee_id, status, desk.now)
        statuses = ((fee_id, standing.status),)
    return Fined(fee_id, total, delta, txn_ids, statuses)


def _charge(fee_id: int, amount_minor: int) -> list[Posting]:
    return [Posting("AR", amount_minor, fee_id), Posting("REV_OVERDUE", -amount_minor, fee_id)]


def _reduction(unit: Unit, case: OverdueLoan, fee_id: int, amount_minor: int) -> list[Posting]:
    """CO-21: first what is unpaid goes, then what was paid becomes credit; what was waived or given up was
    no money."""
    lines = [Posting("REV_OVERDUE", amount_minor, fee_id)]
    rest = amount_minor
    unpaid = min(rest, case.standing.outstanding_minor)
    rest -= unpaid
    credit = min(rest, max(0, fines.paid(unit, fee_id))) if rest else 0
    rest -= credit
    waived = min(rest, max(0, fines.waived(unit, fee_id))) if rest else 0
    rest -= waived
    for account, part in (("AR", unpaid), ("CREDIT", credit), ("WAIVED", waived), ("WRITTEN_OFF", rest)):
        if part:
            lines.append(Posting(account, -part, fee_id))
    return lines


def _detached(unit: Unit, desk: Desk, case: OverdueLoan) -> Fined:
    """BR-12: a renewal while penalties are detached costs nothing, and what has accrued is forgiven."""
    txn_ids, statuses, forgiven = _forgiven(unit, desk, case.loan_id)
    fee_id = case.standing.fee_id
    if fee_id is not None and fee_id not in dict(statuses):
        ended = _move(unit, desk, case, case.standing.accrued_minor, RENEWED)
        statuses = (*statuses, *ended.statuses)
    total = case.standing.accrued_minor - case.standing.outstanding_minor
    return Fined(fee_id, total, -forgiven, txn_ids, statuses)


def _forgiven(
    unit: Unit, desk: Desk, loan_id: int
) -> tuple[tuple[int, ...], tuple[tuple[int, str | None], ...], int]:
    """The transactions, the fees with their status before, and how much it was."""
    txn_ids, statuses, total = [], [], 0
    for fee in fines.unpaid(unit, loan_id):
        lines = (
            Posting("FORGIVEN", fee.outstanding_minor, fee.fee_id),
            Posting("AR", -fee.outstanding_minor, fee.fee_id),
        )
        txn_ids.append(book.post(unit, desk, fee.patron_id, "FORGIVE", lines))
        fines.set_status(unit, fee.fee_id, FORGIVEN, desk.now)
        statuses.append((fee.fee_id, fee.status))
        total += fee.outstanding_minor
    return tuple(txn_ids), tuple(statuses), total


def _creditor(desk: Desk, institution_id: int) -> Desk:
    """The same desk, booking in the currency of the item's owner."""
    institution, _ = owner.of(desk, institution_id)
    return desk if institution is desk.institution else msgspec.structs.replace(desk, institution=institution)
