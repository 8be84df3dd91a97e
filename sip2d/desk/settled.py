"""What follows when a fee is brought to nothing: a membership begins (MB-15), the loan of a paid lost item
ends (LO-70f)."""

from sip2d.desk import lose, membership
from sip2d.desk.place import Desk
from sip2d.store import ledger
from sip2d.store.unit import Unit


def by(unit: Unit, desk: Desk, patron_id: int, txn_id: int | None) -> None:
    """Do so for the fees that this transaction settled whole; None is no transaction."""
    if txn_id is None:
        return
    fees = {line.fee_id for line in ledger.lines_of(unit, txn_id) if line.account == "AR"}
    done = [
        fee_id
        for fee_id in sorted(fee_id for fee_id in fees if fee_id is not None)
        if (owed := ledger.owed_on(unit, fee_id)) is not None and owed[0] == 0
    ]
    if done:
        membership.settled(unit, desk, patron_id, done)
        lose.paid(unit, desk, patron_id, done)
