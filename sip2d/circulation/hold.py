"""Hold (15): place, change, cancel (HO-2, HO-3)."""

from typing import Final

from sip2d.circulation import pin, who
from sip2d.circulation.answers import answer, lines, record, recorded, success
from sip2d.circulation.authorise import PATRON_BAD_PIN, PATRON_UNKNOWN, gate
from sip2d.circulation.call import Answer, Call
from sip2d.circulation.registry import serves
from sip2d.desk import hold as acts
from sip2d.desk.outcome import HoldOutcome
from sip2d.store.unit import Unit
from sip2d.wire import messages as m
from sip2d.wire.kinds import instant, stamp

HOLD_MODE_UNKNOWN = gate("HOLD_MODE_UNKNOWN")
DONE: Final = {"+": "HOLD_PLACED", "*": "HOLD_CHANGED", "-": "HOLD_CANCELLED"}


@serves(m.Hold, writes=True)
def hold(unit: Unit, request: m.Hold, call: Call) -> Answer:
    """16: AB and AJ address the item or the title; BY, BS and BW say which copies, where and until when."""
    desk = call.desk()
    item = who.item(unit, call, desk, request.item_id) if request.item_id else None
    patron = who.patron(unit, call, desk, request.patron_id)
    if (repeat := recorded(unit, call, request)) is not None:
        return repeat
    secret = pin.check(call, request.patron_id, patron, request.patron_password)
    expires = instant(request.expiration_date or "", call.branch.zone)
    pickup = (request.pickup_location or "").strip() or None
    if patron is None:
        outcome = HoldOutcome(done=False, reasons=(PATRON_UNKNOWN,))
    elif not pin.passes(call, request.code, secret):
        outcome = HoldOutcome(done=False, reasons=(PATRON_BAD_PIN,))
    elif request.hold_mode == "+":
        outcome = acts.place(
            unit,
            desk,
            patron,
            item=item,
            title_number=request.title_id,
            hold_type=request.hold_type,
            pickup_code=pickup,
            expires_at=expires,
        )
    elif request.hold_mode == "*":
        outcome = acts.change(
            unit,
            desk,
            patron,
            item=item,
            title_number=request.title_id,
            pickup_code=pickup,
            expires_at=expires,
        )
    elif request.hold_mode == "-":
        outcome = acts.cancel(unit, desk, patron, item=item, title_number=request.title_id)
    else:
        outcome = HoldOutcome(done=False, reasons=(HOLD_MODE_UNKNOWN,))
    said = call.language("")
    placed = outcome.hold
    pickup_branch = call.library.branches.get(placed.pickup_branch_id) if placed else None
    response = m.HoldResponse(
        outcome.done,
        outcome.available,
        call.stamp,
        stamp(placed.expires_at, call.branch.zone) if placed and placed.expires_at else None,
        str(outcome.position) if outcome.done and outcome.position else None,
        pickup_branch.code if pickup_branch else request.pickup_location,
        request.institution_id or call.institution.code,
        request.patron_id,
        request.item_id,
        outcome.title or request.title_id,
        screen_messages=lines(call, said, outcome.reasons, patron=patron)
        or success(call, said, DONE[request.hold_mode], count=outcome.position),
    )
    return record(unit, call, request, answer(call, response, outcome.reasons), outcome.effects)
