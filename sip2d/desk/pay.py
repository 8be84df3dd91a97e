"""Money at the desk: fees, payments, waivers, refunds and their reversal, as transactions of the ledger
(CO-30, 11.6).
"""

from typing import Final

from sip2d.desk import book, settled
from sip2d.desk.outcome import Effect, PaymentOutcome
from sip2d.desk.place import Desk
from sip2d.policy.decision import Action, Reason
from sip2d.policy.facts import PatronFacts
from sip2d.spelling import spelt_out
from sip2d.store import ledger
from sip2d.store.ledger import OpenFee, Posting
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
    lines, rest = book.allocate(unpaid, amount_minor)
    if rest and (write_off or refuse_overpayment or not desk.settings.accept_credit):
        owed = amount_minor - rest
        refused = _refusal("PAYMENT_TOO_MUCH", limit_minor=owed) if owed else NOTHING_OWED
        return PaymentOutcome(done=False, reasons=(refused,))
    if rest:
        lines.append(Posting("CREDIT", -rest))
    taken = Posting("WRITTEN_OFF" if write_off else "CASH", amount_minor)
    kind = "WRITEOFF" if write_off else "PAY"
    txn_id = book.post(
        unit, desk, patron.id, kind, (taken, *lines), payment_type=payment_type, payment_key=key
    )
    settled.by(unit, desk, patron.id, txn_id)
    return PaymentOutcome(True, (), txn_id, amount_minor - rest, rest, (Effect("ledger", patron.id, txn_id),))


def _key(patron: PatronFacts, payment_key: str | None, amount_minor: int, fee_id: str | None) -> str | None:
    """BK as some SCs count it starts again with every power cycle: it only means the same payment together
    with patron, amount and fee (sip2.md 6.13)."""
    if not payment_key:
        return None
    return spelt_out(f"{patron.id}/{payment_key}/{amount_minor}/{fee_id or ''}")


def _narrowed(unpaid: list[OpenFee], fee_id: str | None, fee_type: str) -> list[OpenFee] | None:
    """The fees that the payment may settle; None when it names one that the patron does not owe."""
    if fee_id is not None and fee_id.strip():
        named = [fee for fee in unpaid if str(fee.fee_id) == fee_id.strip()]
        return named or None
    kind = KINDS.get(fee_type)
    return unpaid if kind is None else [fee for fee in unpaid if fee.kind == kind]


def waive(unit: Unit, desk: Desk, fee_id: int, amount_minor: int | None = None) -> int | None:
    """Let the patron off a fee, whole or in part; the transaction, None when not so much is owed on it."""
    owed = ledger.owed_on(unit, fee_id)
    if owed is None:
        return None
    amount = owed[0] if amount_minor is None else amount_minor
    if not 0 < amount <= owed[0]:
        return None
    txn_id = book.post(
        unit, desk, owed[1], "WAIVE", (Posting("WAIVED", amount, fee_id), Posting("AR", -amount, fee_id))
    )
    settled.by(unit, desk, owed[1], txn_id)
    return txn_id


def refund_credit(unit: Unit, desk: Desk, patron_id: int, amount_minor: int) -> int | None:
    """Pay credit out; the transaction, None when the patron has not so much."""
    if not 0 < amount_minor <= ledger.credit(unit, patron_id):
        return None
    lines = (Posting("CREDIT", amount_minor), Posting("CASH", -amount_minor))
    return book.post(unit, desk, patron_id, "REFUND", lines)
