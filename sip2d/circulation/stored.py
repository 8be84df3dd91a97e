"""What a kiosk stored while it was cut off, and what a person must look at of it (OF-50, OF-51)."""

from sip2d.desk.outcome import Outcome
from sip2d.desk.place import Desk
from sip2d.desk.stored import EXCEPTIONAL
from sip2d.store import offline
from sip2d.store.unit import Unit
from sip2d.vocabulary import Interface


def keep(unit: Unit, desk: Desk, outcome: Outcome, item: str, patron: str) -> None:
    """Queue the exceptions of a stored transaction, once however often it is sent."""
    if desk.interface != Interface.SIP2_OFFLINE:
        return
    if outcome.done:
        codes = [reason.code for reason in outcome.bypassed if reason.code in EXCEPTIONAL]
    else:
        codes = [reason.code for reason in outcome.reasons[:1]]
    barcode = item.strip() if outcome.item is None else outcome.item.barcode
    who = patron.strip() if outcome.patron is None or not patron.strip() else outcome.patron.barcode
    for code in codes:
        offline.add_exception(
            unit, institution_id=desk.institution.id, branch_id=desk.branch.id,
            source=f"sip2:{desk.actor}", code=code, item=barcode, patron=who,
            happened_at=desk.event_at, now=desk.now,
        )  # fmt: skip
