"""The messages that move items: checkout (11), checkin (09), renew (29), renew all (65)."""

from datetime import datetime, timedelta
from typing import Final

from sip2d.circulation import pin, who
from sip2d.circulation.answers import (
    amount,
    answer,
    journal_key,
    lines,
    moment,
    record,
    recorded,
    success,
)
from sip2d.circulation.authorise import (
    ITEM_UNKNOWN,
    NB_DUE_DATE_INVALID,
    PATRON_BAD_PIN,
    PATRON_UNKNOWN,
    is_no_block,
    renews,
)
from sip2d.circulation.bulk import attempted
from sip2d.circulation.call import Answer, Call
from sip2d.circulation.personal import due
from sip2d.circulation.pin import Pin
from sip2d.circulation.registry import serves
from sip2d.circulation.stored import keep
from sip2d.desk import stored, subjects
from sip2d.desk.lend import lend
from sip2d.desk.outcome import Outcome
from sip2d.desk.place import Desk
from sip2d.desk.renew import renew, renew_all
from sip2d.desk.undo import undo_return
from sip2d.policy.decision import Reason
from sip2d.policy.facts import ItemFacts, Mode, PatronFacts
from sip2d.store.unit import Unit
from sip2d.vocabulary import FeeType
from sip2d.wire import messages as m

# How far a kiosk's clock may run ahead of ours before we take our own (SP-22).
AHEAD: Final = timedelta(minutes=5)
# BT of a fee that an act raised, by the kind of the fee in the ledger.
FEE_TYPES: Final = {"RENTAL": FeeType.RENTAL, "OVERDUE": FeeType.OVERDUE}


def desk_of(call: Call, no_block: bool, happened: str) -> Desk:
    """The desk of an act; a no-block act happened when the terminal says, unless that lies too far ahead
    (SP-22)."""
    if not no_block:
        return call.desk()
    at = moment(happened, call.branch.zone)
    return call.desk(mode=Mode.NO_BLOCK, event_at=call.now if at is None or at > call.now + AHEAD else at)


def promised(call: Call, request: m.Checkout | m.Renew, no_block: bool) -> datetime | None:
    """The due date given off-line; only a no-block request has one (SP-20)."""
    return moment(request.nb_due_date, call.branch.zone) if no_block else None


@serves(m.Checkout, writes=True)
def checkout(unit: Unit, request: m.Checkout, call: Call) -> Answer:
    """12. BI=Y undoes a return just made (SP-23); what is on loan to this patron already is renewed if the
    terminal may (CO-8)."""
    no_block = is_no_block(call.branch, request)
    desk = desk_of(call, no_block, request.transaction_date)
    item = who.item(unit, call, desk, request.item_id)
    patron = who.patron(unit, call, desk, request.patron_id)
    key = journal_key(call, request)
    if (repeat := recorded(unit, call, request, key)) is not None:
        return repeat
    secret = pin.check(call, request.patron_id, patron, request.patron_password)
    outcome = _refused_before(call, request, patron, item, secret)
    if outcome is None:
        assert patron is not None
        assert item is not None
        if request.cancel:
            outcome = undo_return(unit, desk, patron, item)
        elif no_block:
            due_at = promised(call, request, no_block)
            outcome = stored.lend(unit, desk, patron, item, requested_due_at=due_at)
        else:
            outcome = lend(
                unit,
                desk,
                patron,
                item,
                renewal_allowed=request.sc_renewal_policy and renews(call.branch),
                requested_due_at=None,
                fee_acknowledged=bool(request.fee_acknowledged),
            )
    keep(unit, desk, outcome, request.item_id, request.patron_id)
    response = _loan_response(m.CheckoutResponse, call, request, patron, item, outcome, secret)
    return record(unit, call, request, answer(call, response, outcome.reasons), outcome.effects, key)


@serves(m.Renew, writes=True)
def renew_one(unit: Unit, request: m.Renew, call: Call) -> Answer:
    """30. With no block and a due date this is the bulk renewal of BR-2."""
    no_block = is_no_block(call.branch, request)
    desk = desk_of(call, no_block, request.transaction_date)
    item = who.item(unit, call, desk, request.item_id or "")
    if item is None and request.title_id:
        borrower = call.profile.patron_barcode.normal(request.patron_id)
        item = subjects.loaned_copy(unit, desk, borrower, request.title_id)
    patron = who.patron(unit, call, desk, request.patron_id)
    key = journal_key(call, request)
    if (repeat := recorded(unit, call, request, key)) is not None:
        return repeat
    secret = pin.check(call, request.patron_id, patron, request.patron_password)
    requested = promised(call, request, no_block)
    outcome = _refused_before(call, request, patron, item, secret)
    if outcome is None and no_block and requested is None and request.nb_due_date.strip():
        own = item.loan if item and patron and item.loan and item.loan.patron_id == patron.id else None
        outcome = Outcome(
            done=False,
            reasons=(NB_DUE_DATE_INVALID,),
            patron=patron,
            item=item,
            due_at=own.due_at if own else None,
        )
    if outcome is None:
        assert patron is not None
        assert item is not None
        outcome = renew(
            unit,
            desk,
            patron,
            item,
            third_party=request.third_party_allowed,
            requested_due_at=requested,
            fee_acknowledged=bool(request.fee_acknowledged),
        )
    keep(unit, desk, outcome, request.item_id or "", request.patron_id)
    response = _loan_response(m.RenewResponse, call, request, patron, item, outcome, secret)
    made = answer(call, response, outcome.reasons)
    if call.batch is not None:
        made = attempted(unit, call, request, requested, outcome, response, made)
    return record(unit, call, request, made, outcome.effects, key)


def _refused_before(
    call: Call, request: m.Checkout | m.Renew, patron: PatronFacts | None, item: ItemFacts | None, secret: Pin
) -> Outcome | None:
    """What must hold before policy is asked: patron known, authenticated, item known (CO-8, SP-20)."""
    reasons: list[Reason] = []
    if patron is None:
        reasons.append(PATRON_UNKNOWN)
    elif not pin.passes(call, request.code, secret):
        reasons.append(PATRON_BAD_PIN)
    if item is None:
        reasons.append(ITEM_UNKNOWN)
    return Outcome(done=False, reasons=tuple(reasons), patron=patron, item=item) if reasons else None


def _loan_response(
    kind: type[m.CheckoutResponse],
    call: Call,
    request: m.Checkout | m.Renew,
    patron: PatronFacts | None,
    item: ItemFacts | None,
    outcome: Outcome,
    secret: Pin,
) -> m.CheckoutResponse:
    """12 and 30. "Renewal ok" is Y only of a renewal that was done (CO-8, SP-30). A refusal says BL and CQ
    too; its AH is the date the loan still has (peers 19)."""
    done = outcome.done
    item_type = call.library.item_types.get(item.type_id) if item else None
    magnetic = ("Y" if item_type.magnetic else "N") if done and item_type else "U"
    desensitize = "Y" if done and not outcome.renewal and item_type and item_type.desensitize else "N"
    said = call.language("")
    fee = outcome.fee_minor is not None
    overridden = outcome.bypassed if call.overrides else ()
    told = (*overridden, *outcome.notes) if done else outcome.reasons
    # What was set aside, the new date, what it costs.
    needed = not done or outcome.renewal or outcome.fee_minor is not None or bool(overridden)
    shown = lines(call, said, told, patron=patron) if needed or call.profile.af_on_success else ()
    if done and not shown:
        shown = success(call, said, "LOAN_OK", due_at=outcome.due_at)
    return kind(
        done,
        done and outcome.renewal,
        magnetic,
        desensitize,
        call.stamp,
        request.institution_id or call.institution.code,
        request.patron_id,
        request.item_id or (item.barcode if item else ""),
        item.title if item else (request.title_id or "" if isinstance(request, m.Renew) else ""),
        due(call, outcome.due_at),
        FEE_TYPES.get(outcome.fee_kind or "", FeeType.OTHER).value if fee else None,
        None,
        call.institution.currency if fee else None,
        amount(call, outcome.fee_minor or 0) if fee else None,
        item_type.media_type if item_type else None,
        (item.properties or None) if item else None,
        None,
        None if done else patron is not None,
        None if done else pin.cq(call, secret),
        screen_messages=shown,
    )


@serves(m.RenewAll, writes=True)
def renew_every(unit: Unit, request: m.RenewAll, call: Call) -> Answer:
    """66: ok says that it ran; each refusal stands in BN (sip2.md 6.5)."""
    desk = call.desk()
    patron = who.patron(unit, call, desk, request.patron_id)
    key = journal_key(call, request)
    if (repeat := recorded(unit, call, request, key)) is not None:
        return repeat
    secret = pin.check(call, request.patron_id, patron, request.patron_password)
    said = call.language("")
    institution = request.institution_id or call.institution.code
    if patron is None or not pin.passes(call, request.code, secret):
        reasons = (PATRON_UNKNOWN,) if patron is None else (PATRON_BAD_PIN,)
        refusal = m.RenewAllResponse(
            False, 0, 0, call.stamp, institution, screen_messages=lines(call, said, reasons)
        )
        return answer(call, refusal, reasons)
    outcome = renew_all(unit, desk, patron, fee_acknowledged=bool(request.fee_acknowledged))
    response = m.RenewAllResponse(
        True,
        len(outcome.renewed),
        len(outcome.unrenewed),
        call.stamp,
        institution,
        _named(call, outcome.renewed),
        _named(call, outcome.unrenewed),
        screen_messages=lines(call, said, outcome.reasons, patron=patron)
        or success(
            call, said, "RENEW_ALL_OK" if outcome.renewed else "RENEW_ALL_NONE", count=len(outcome.renewed)
        ),
    )
    made = answer(call, response, outcome.reasons, result="ok")
    return record(unit, call, request, made, outcome.effects, key)


def _named(call: Call, outcomes: tuple[Outcome, ...]) -> tuple[str, ...]:
    by_title = call.profile.loan_list == "title"
    return tuple(
        (one.item.title if by_title else one.item.barcode) for one in outcomes if one.item is not None
    )
