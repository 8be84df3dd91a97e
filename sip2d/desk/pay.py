"""Money at the desk: fees, payments, waivers, refunds and their reversal, as transactions of the ledger
(CO-30, 11.6).
"""

from collections.abc import Iterable
from typing import Final

from sip2d.desk.audited import audited
from sip2d.desk.outcome import Effect, PaymentOutcome
from sip2d.desk.place import Desk
from sip2d.policy.decision import Action, Reason
from sip2d.policy.facts import PatronFacts
from sip2d.store import ledger
from sip2d.store.ledger import Entry, OpenFee, Posting
from sip2d.store.unit import Unit
from sip2d.vocabulary import FeeType


def _refusal(code: str, **values: object) -> Reason:
    return Reason(code=code, denies=Action.NONE, scenario=code, values=values)


AMOUNT_INVALID: Final = _refusal("PAYMENT_AMOUNT_INVALID")
CURRENCY_WRONG: Final = _refusal("PAYMENT_CURRENCY_WRONG")
FEE_UNKNOWN: Final = _refusal("PAYMENT_FEE_UNKNOWN")
NOTHING_OWED: Final = _refusal("PAYMENT_NOTHING_OWED")

KINDS: Final[dict[str, str]] = {
    FeeType.OVERDUE.value: "OVERDUE",
    FeeType.PROCESSING.value: "PROCESSING",
    FeeType.RENTAL.value: "RENTAL",
    FeeType.REPLACEMENT.value: "LOST",
}
"""The fee types of 37 that name one of our kinds and so narrow a payment; any other stands for all of them.
"""

LARGEST_MINOR: Final = 10**12
"""More than this is a misread amount."""


def pay(
    unit: Unit,
    desk: Desk,
    patron: PatronFacts,
    *,
    amount_minor: int | None,
    fee_id: str | None = None,
    fee_type: str = FeeType.OTHER.value,
    payment_type: str = "00",
    payment_key: str | None = None,
    currency: str | None = None,
    write_off: bool = False,
    refuse_overpayment: bool = False,
) -> PaymentOutcome:
    """Settle the patron's fees, oldest first: those of ``fee_id`` (CG), else of the kind of ``fee_type``,
    else all.

    What is left becomes credit where the setting ``accept_credit`` allows it and the terminal's profile does
    not refuse it; else the whole payment is refused, and nothing is booked. A payment with a key already
    recorded gets the recorded outcome (GN-5). ``write_off``: the library gives the money up, none was taken.
    """
    if amount_minor is None or not 0 < amount_minor <= LARGEST_MINOR:
        return PaymentOutcome(done=False, reasons=(AMOUNT_INVALID,))
    if currency is not None and currency.strip().upper() != desk.institution.currency:
        return PaymentOutcome(done=False, reasons=(CURRENCY_WRONG,))
    key = _key(patron, payment_key, amount_minor, fee_id)
    if key is not None and (recorded := ledger.by_key(unit, key)) is not None:
        return PaymentOutcome(
            True, (), recorded.txn_id, recorded.paid_minor, recorded.credit_minor,
            (Effect("ledger", patron.id, recorded.txn_id),),
        )  # fmt: skip
    unpaid = _narrowed(ledger.outstanding(unit, patron.id), fee_id, fee_type)
    if unpaid is None:
        return PaymentOutcome(done=False, reasons=(FEE_UNKNOWN,))
    lines, rest = _allocate(unpaid, amount_minor)
    if rest and (write_off or refuse_overpayment or not desk.settings.accept_credit):
        owed = amount_minor - rest
        refused = _refusal("PAYMENT_TOO_MUCH", limit_minor=owed) if owed else NOTHING_OWED
        return PaymentOutcome(done=False, reasons=(refused,))
    if rest:
        lines.append(Posting("CREDIT", -rest))
    taken = Posting("WRITTEN_OFF" if write_off else "CASH", amount_minor)
    kind = "WRITEOFF" if write_off else "PAY"
    txn_id = _post(unit, desk, patron.id, kind, (taken, *lines), payment_type=payment_type, payment_key=key)
    return PaymentOutcome(True, (), txn_id, amount_minor - rest, rest, (Effect("ledger", patron.id, txn_id),))


def _key(patron: PatronFacts, payment_key: str | None, amount_minor: int, fee_id: str | None) -> str | None:
    """BK as some SCs count it starts again with every power cycle: it only means the same payment together
    with
    patron, amount and fee (sip2.md 6.13)."""
    return f"{patron.id}/{payment_key}/{amount_minor}/{fee_id or ''}" if payment_key else None


def _narrowed(unpaid: list[OpenFee], fee_id: str | None, fee_type: str) -> list[OpenFee] | None:
    """The fees that the payment may settle; None when it names one that the patron does not owe."""
    if fee_id is not None and fee_id.strip():
        named = [fee for fee in unpaid if str(fee.fee_id) == fee_id.strip()]
        return named or None
    kind = KINDS.get(fee_type)
    return unpaid if kind is None else [fee for fee in unpaid if fee.kind == kind]


def _allocate(unpaid: Iterable[OpenFee], amount_minor: int) -> tuple[list[Posting], int]:
    """The amount over the fees in their order, and what is left of it."""
    lines, rest = [], amount_minor
    for fee in unpaid:
        part = min(rest, fee.outstanding_minor)
        if part:
            lines.append(Posting("AR", -part, fee.fee_id))
            rest -= part
    return lines, rest


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
    _post(unit, desk, patron_id, "CHARGE", lines)
    return fee_id


def waive(unit: Unit, desk: Desk, fee_id: int, amount_minor: int | None = None) -> int | None:
    """Let the patron off a fee, whole or in part; the transaction, None when not so much is owed on it."""
    owed = ledger.owed_on(unit, fee_id)
    if owed is None:
        return None
    amount = owed[0] if amount_minor is None else amount_minor
    if not 0 < amount <= owed[0]:
        return None
    return _post(
        unit, desk, owed[1], "WAIVE", (Posting("WAIVED", amount, fee_id), Posting("AR", -amount, fee_id))
    )


def refund_credit(unit: Unit, desk: Desk, patron_id: int, amount_minor: int) -> int | None:
    """Pay credit out; the transaction, None when the patron has not so much."""
    if not 0 < amount_minor <= ledger.credit(unit, patron_id):
        return None
    lines = (Posting("CREDIT", amount_minor), Posting("CASH", -amount_minor))
    return _post(unit, desk, patron_id, "REFUND", lines)


def spend_credit(unit: Unit, desk: Desk, patron_id: int) -> int | None:
    """Settle fees from the patron's credit, oldest first; the transaction, None if there is nothing to do."""
    credit = ledger.credit(unit, patron_id)
    lines, rest = _allocate(ledger.outstanding(unit, patron_id), credit)
    if rest == credit:
        return None
    return _post(unit, desk, patron_id, "TRANSFER_CREDIT", (Posting("CREDIT", credit - rest), *lines))


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
    return _post(unit, desk, patron_id, "VOID", mirrored, reverses=txn_id)


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


def _post(
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
