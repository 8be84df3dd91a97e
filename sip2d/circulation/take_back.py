"""Checkin (09): a return is always taken (CO-20); the answer tells where the item goes (HO-4, SP-11)."""

from datetime import datetime

from sip2d.circulation import who
from sip2d.circulation.answers import answer, lines, record, recorded, success
from sip2d.circulation.authorise import ITEM_UNKNOWN, is_no_block
from sip2d.circulation.call import Answer, Call
from sip2d.circulation.loan import desk_of
from sip2d.circulation.personal import branch_code, hold_patron_name
from sip2d.circulation.registry import serves
from sip2d.circulation.stored import keep
from sip2d.desk import stored
from sip2d.desk.outcome import Outcome, Routing
from sip2d.desk.take_back import take_back
from sip2d.desk.undo import undo_loan
from sip2d.policy.facts import ItemFacts
from sip2d.store.library import Branch
from sip2d.store.unit import Unit
from sip2d.vocabulary import AlertType
from sip2d.wire import messages as m
from sip2d.wire.kinds import instant

_ALERTS = {
    "HOLD_HERE": AlertType.HOLD_HERE,
    "HOLD_ELSEWHERE": AlertType.HOLD_ELSEWHERE,
    "TRANSIT": AlertType.TRANSIT,
}


@serves(m.Checkin, writes=True)
def checkin(unit: Unit, request: m.Checkin, call: Call) -> Answer:
    """10. BI=Y undoes a loan just made (SP-23)."""
    no_block = is_no_block(call.branch, request)
    desk = desk_of(call, no_block, _happened(call, request))
    item = who.item(unit, call, desk, request.item_id)
    if item is not None and (repeat := recorded(unit, call, request)) is not None:
        return repeat
    if item is None:
        outcome = Outcome(done=False, reasons=(ITEM_UNKNOWN,))
    elif request.cancel:
        outcome = undo_loan(unit, desk, item)
    else:
        place = _return_branch(call, request.current_location)
        taken = stored.take_back if no_block else take_back
        outcome = taken(unit, desk, item, return_branch=place)
    keep(unit, desk, outcome, request.item_id, "")
    response = _response(call, request, item, outcome)
    return record(unit, call, request, answer(call, response, outcome.reasons), outcome.effects)


def _happened(call: Call, request: m.Checkin) -> str:
    """The moment of a stored return: its return date if that is one, else the transaction date (sip2.md
    6.3)."""
    moment: datetime | None = instant(request.return_date, call.branch.zone)
    return request.transaction_date if moment is None or moment > call.now else request.return_date


def _return_branch(call: Call, location: str) -> Branch:
    """AP if it names a branch of the institution, else the terminal's (sip2.md 6.3)."""
    code = location.strip()
    for branch in call.library.branches.values():
        if branch.code == code and branch.institution_id == call.institution.id and branch.enabled:
            return branch
    return call.branch


def _response(call: Call, request: m.Checkin, item: ItemFacts | None, outcome: Outcome) -> m.CheckinResponse:
    routing, profile = outcome.routing, call.profile
    kind = _alert_type(routing, item)
    not_on_loan = any(note.code == "ITEM_NOT_ON_LOAN" for note in outcome.notes)
    ok = outcome.done and (profile.ok_of_return_not_on_loan or not not_on_loan)
    alert = _alert(call, kind.value if kind else None, ok)
    alert_type = (
        kind.value if kind else ("00" if ok and profile.cv_send_00_on_success else ("99" if alert else None))
    )
    item_type = call.library.item_types.get(item.type_id) if item else None
    destination = branch_code(call, routing.destination_branch_id) if routing else ""
    if not destination and profile.ct_always_send and routing and item:
        destination = branch_code(call, item.home_branch_id)
    holder = routing.hold_patron if routing and call.branch.sip2.send_personal_data else None
    told = outcome.reasons or outcome.notes
    said = call.language("")
    return m.CheckinResponse(
        ok,
        ok and bool(item_type is None or item_type.desensitize),
        ("Y" if item_type.magnetic else "N") if ok and item_type else "U",
        alert,
        call.stamp,
        request.institution_id or call.institution.code,
        request.item_id,
        branch_code(call, item.home_branch_id) if item else "",
        item.title if item else None,
        routing.sort_bin if routing and call.branch.sip2.use_sort_bin and profile.send_sort_bin else None,
        outcome.patron.barcode if outcome.patron else None,
        item_type.media_type if item_type else None,
        (item.properties or None) if item else None,
        (item.collection_code or None) if item else None,
        (item.call_number or None) if item else None,
        destination or None,
        alert_type,
        holder.barcode if holder else None,
        hold_patron_name(call, holder) if holder else None,
        screen_messages=lines(call, said, told, patron=outcome.patron)
        or (success(call, said, "RETURN_OK") if ok else ()),
    )


def _alert_type(routing: Routing | None, item: ItemFacts | None) -> AlertType | None:
    """Why staff must act, if they must (SP-11); a copy borrowed of another library has a code of its own."""
    kind = _ALERTS.get(routing.kind) if routing else None
    if kind is not None and kind is not AlertType.TRANSIT and item is not None and item.is_temporary_ill:
        return AlertType.INTERLIBRARY_LOAN
    return kind


def _alert(call: Call, kind: str | None, ok: bool) -> bool:
    """Y only when staff must act (peers 24); a profile may raise it for every refused return as well."""
    if kind is not None:
        return not call.profile.alert_types or kind in call.profile.alert_types
    return not ok and not call.profile.cv_triggers_alert
