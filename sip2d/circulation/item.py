"""Item information (17) and item status update (19): HO-10, sip2.md 6.10, 6.11."""

from typing import Final

from sip2d.circulation import who
from sip2d.circulation.answers import amount, answer, lines, record, recorded, success
from sip2d.circulation.authorise import ITEM_UNKNOWN
from sip2d.circulation.call import Answer, Call
from sip2d.circulation.personal import branch_code, due, hold_patron_name, item_extras
from sip2d.circulation.registry import serves
from sip2d.desk import describe
from sip2d.policy.facts import ItemFacts
from sip2d.store import patrons
from sip2d.store.unit import Unit
from sip2d.vocabulary import CirculationStatus, FeeType
from sip2d.wire import messages as m
from sip2d.wire.kinds import stamp

NO_FEE: Final = FeeType.OTHER.value


def circulation_status(item: ItemFacts) -> CirculationStatus:
    """Where an item is, the strongest word first (sip2.md 2.8)."""
    if item.lost_status:
        return CirculationStatus.LOST
    if item.loan is not None:
        return CirculationStatus.RECALLED if item.loan.recalled_at else CirculationStatus.CHARGED
    if item.shelf_hold is not None and item.shelf_hold.status == "ON_SHELF":
        return CirculationStatus.ON_HOLD_SHELF
    if item.shelf_hold is not None or item.transit_to_branch_id is not None:
        return CirculationStatus.IN_TRANSIT
    if item.withdrawn or item.not_for_loan:
        return CirculationStatus.OTHER
    return CirculationStatus.AVAILABLE


@serves(m.ItemInformation, writes=False)
def item_information(unit: Unit, request: m.ItemInformation, call: Call) -> Answer:
    """18; an unknown item is ``01`` with an empty title."""
    item = who.item(unit, call, call.desk(), request.item_id)
    said = call.language("")
    if item is None:
        unknown = m.ItemInformationResponse(
            CirculationStatus.OTHER.value,
            "01",
            NO_FEE,
            call.stamp,
            item_id=request.item_id,
            screen_messages=lines(call, said, (ITEM_UNKNOWN,)),
        )
        return answer(call, unknown, (ITEM_UNKNOWN,))
    kind = call.library.item_types.get(item.type_id)
    shelf, loan = item.shelf_hold, item.loan
    zone = call.branch.zone
    holder = None
    if shelf is not None and call.branch.sip2.send_personal_data and call.profile.send_extensions:
        holder = patrons.by_id(unit, shelf.patron_id, call.now)
    response = m.ItemInformationResponse(
        circulation_status(item).value,
        item.security_marker,
        NO_FEE,
        call.stamp,
        str(item.queue_length) if item.queue_length else None,
        due(call, loan.due_at) if loan else None,
        stamp(loan.recalled_at, zone) if loan and loan.recalled_at else None,
        stamp(shelf.shelf_expires_at, zone) if shelf and shelf.shelf_expires_at else None,
        request.item_id,
        item.title,
        branch_code(call, item.home_branch_id),
        call.institution.currency if item.price_minor is not None else None,
        amount(call, item.price_minor) if item.price_minor is not None else None,
        kind.media_type if kind else None,
        branch_code(call, item.home_branch_id),
        branch_code(call, item.holding_branch_id),
        item.properties or None,
        item.collection_code or None,
        item.call_number or None,
        branch_code(call, shelf.pickup_branch_id if shelf else item.transit_to_branch_id) or None,
        holder.barcode if holder else None,
        hold_patron_name(call, holder) if holder else None,
        item_extras(call, item),
    )
    return answer(call, response)


@serves(m.ItemStatusUpdate, writes=True)
def item_status_update(unit: Unit, request: m.ItemStatusUpdate, call: Call) -> Answer:
    """20: CH is stored with the item; a property of the library's choice sets it lost (LO-54)."""
    desk = call.desk()
    item = who.item(unit, call, desk, request.item_id)
    said = call.language("")
    wrong = ITEM_UNKNOWN if item is None else describe.refusal(desk, item, request.item_properties)
    if item is None or wrong is not None:
        reasons = (wrong or ITEM_UNKNOWN,)
        refusal = m.ItemStatusUpdateResponse(
            False, call.stamp, request.item_id, screen_messages=lines(call, said, reasons)
        )
        return answer(call, refusal, reasons)
    if (repeat := recorded(unit, call, request)) is not None:
        return repeat
    describe.set_properties(unit, desk, item, request.item_properties)
    response = m.ItemStatusUpdateResponse(
        True,
        call.stamp,
        request.item_id,
        item.title,
        request.item_properties or None,
        screen_messages=success(call, said, "ITEM_STATUS_UPDATED"),
    )
    return record(unit, call, request, answer(call, response), ())
