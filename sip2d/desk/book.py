"""The book: what is owed and taken back, as transactions of the ledger (11.6). Acts that take a person's
money or let him off stand in `pay`, and with them what follows when a fee is settled.
"""

from collections.abc import Iterable

from sip2d.desk.audited import audited
from sip2d.desk.place import Desk
from sip2d.store import ledger
from sip2d.store.ledger import Entry, OpenFee, Posting
from sip2d.store.unit import Unit


def raise_fee(
    unit: Unit,
    desk: Desk,
    patron_id: int,
    kind: str,
    amount_minor: int,
    reason: str = "",
    loan_id: int | None = None,
    item_id: int | None = None,
) -> int:
    """The patron owes a new fee of ``kind`` (OVERDUE, LOST ... ``fee.kind``); its id. Raises ValueError below
    1.
    """
    if amount_minor < 1:
        raise ValueError("a fee is at least one minor unit")
    fee_id = ledger.open_fee(
        unit, patron_id, kind, loan_id=loan_id, item_id=item_id, reason=reason, now=desk.now
    )
    lines = (Posting("AR", amount_minor, fee_id), Posting(f"REV_{kind}", -amount_minor, fee_id))
    post(unit, desk, patron_id, "CHARGE", lines)
    return fee_id


def allocate(unpaid: Iterable[OpenFee], amount_minor: int) -> tuple[list[Posting], int]:
    """The amount over the fees in their order, and what is left of it."""
    lines, rest = [], amount_minor
    for fee in unpaid:
        part = min(rest, fee.outstanding_minor)
        if part:
            lines.append(Posting("AR", -part, fee.fee_id))
            rest -= part
    return lines, rest


def spend_credit(unit: Unit, desk: Desk, patron_id: int) -> int | None:
    """Settle fees from the patron's credit, oldest first; the transaction, None if there is nothing to do."""
    credit = ledger.credit(unit, patron_id)
    lines, rest = allocate(ledger.outstanding(unit, patron_id), credit)
    if rest == credit:
        return None
    return post(unit, desk, patron_id, "TRANSFER_CREDIT", (Posting("CREDIT", credit - rest), *lines))


def reverse(unit: Unit, desk: Desk, txn_id: int) -> int | None:
    """Mirror a transaction (VOID, GN-4); the new one's id.

    Where a fee has been paid meanwhile, what was paid becomes credit, for nobody may owe less than nothing
    (PT-3). None: unknown, reversed already, a reversal itself, or its credit has been spent.
    """
    found = ledger.reversible(unit, txn_id)
    if found is None:
        return None
    patron_id, lines = found
    mirrored = _mirror(unit, lines)
    if ledger.credit(unit, patron_id) < sum(
        line.amount_minor for line in mirrored if line.account == "CREDIT"
    ):
        return None
    return post(unit, desk, patron_id, "VOID", mirrored, reverses=txn_id)


def cancel_fee(unit: Unit, desk: Desk, fee_id: int) -> bool:
    """Take a fee back by reversing what charged it; False when that was done before (SP-23)."""
    reversed_ = [reverse(unit, desk, txn_id) for txn_id in ledger.charges_of(unit, fee_id)]
    return any(txn_id is not None for txn_id in reversed_)


def _mirror(unit: Unit, lines: list[Posting]) -> list[Posting]:
    mirrored = []
    left: dict[int, int] = {}
    for line in lines:
        amount = -line.amount_minor
        if line.account != "AR" or line.fee_id is None:
            mirrored.append(Posting(line.account, amount, line.fee_id))
            continue
        owed = left[line.fee_id] if line.fee_id in left else (ledger.owed_on(unit, line.fee_id) or (0, 0))[0]
        part = max(amount, -owed)
        left[line.fee_id] = owed + part
        if part:
            mirrored.append(Posting("AR", part, line.fee_id))
        if amount != part:
            mirrored.append(Posting("CREDIT", amount - part, line.fee_id))
    return mirrored


def post(
    unit: Unit,
    desk: Desk,
    patron_id: int,
    kind: str,
    lines: Iterable[Posting],
    *,
    payment_type: str | None = None,
    payment_key: str | None = None,
    reverses: int | None = None,
) -> int:
    """Record a transaction of this desk and audit it (GN-7); its id."""
    lines = tuple(lines)
    entry = Entry(
        kind=kind,
        at=desk.now,
        patron_id=patron_id,
        actor=desk.actor,
        interface=desk.interface,
        branch_id=desk.branch.id,
        currency=desk.institution.currency,
        terminal_id=desk.terminal_id,
        reverses_txn_id=reverses,
        payment_type=payment_type,
        payment_key=payment_key,
    )
    txn_id = ledger.post(unit, entry, lines)
    audited(
        unit,
        desk,
        "ledger_txn",
        txn_id,
        kind,
        None,
        {"patron": patron_id, "lines": [_line(it) for it in lines]},
    )
    return txn_id


def _line(line: Posting) -> list[object]:
    return [line.account, line.amount_minor, line.fee_id]
