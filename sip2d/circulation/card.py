"""Block patron (01, answered by 24) and patron enable (25): CO-31, CO-32."""

from sip2d.circulation import pin, who
from sip2d.circulation.answers import answer, lines, record, recorded, success
from sip2d.circulation.authorise import PATRON_BAD_PIN, PATRON_UNKNOWN, needs_pin
from sip2d.circulation.call import Answer, Call
from sip2d.circulation.patron import DENIED_STATUS, standing, status_answer
from sip2d.circulation.personal import patron_extras, personal_name
from sip2d.circulation.pin import Pin
from sip2d.circulation.registry import serves
from sip2d.desk import card
from sip2d.desk.outcome import CardOutcome
from sip2d.store.unit import Unit
from sip2d.wire import messages as m


@serves(m.BlockPatron, writes=True)
def block_patron(unit: Unit, request: m.BlockPatron, call: Call) -> Answer:
    """24 with the flags after the block."""
    desk = call.desk()
    patron = who.patron(unit, call, desk, request.patron_id)
    if (repeat := recorded(unit, call, request)) is not None:
        return repeat
    outcome = CardOutcome(done=False)
    if patron is not None:
        outcome = card.block(
            unit, desk, patron, text=request.blocked_card_message, retained=request.card_retained
        )
        patron = who.patron(unit, call, desk, request.patron_id)
    made = status_answer(
        unit, call, request, patron, Pin.ABSENT, named=not needs_pin(call.branch, request.code)
    )
    return record(unit, call, request, made, outcome.effects)


@serves(m.PatronEnable, writes=True)
def patron_enable(unit: Unit, request: m.PatronEnable, call: Call) -> Answer:
    """26 with the flags after blocks made by 01 are lifted; other blocks stay."""
    desk = call.desk()
    patron = who.patron(unit, call, desk, request.patron_id)
    if (repeat := recorded(unit, call, request)) is not None:
        return repeat
    secret = pin.check(call, request.patron_id, patron, request.patron_password)
    said = call.language("")
    institution = request.institution_id or call.institution.code
    if patron is None or not pin.passes(call, request.code, secret):
        denied = (PATRON_UNKNOWN,) if patron is None else (PATRON_BAD_PIN,)
        refusal = m.PatronEnableResponse(
            DENIED_STATUS,
            "000",
            call.stamp,
            institution,
            request.patron_id,
            valid_patron=patron is not None,
            valid_patron_password=pin.cq(call, secret),
            screen_messages=lines(call, said, denied),
        )
        return answer(call, refusal, denied)
    outcome = card.enable(unit, desk, patron)
    after = who.patron(unit, call, desk, request.patron_id) or patron
    reasons, status = standing(unit, call, after)
    response = m.PatronEnableResponse(
        status,
        "000",
        call.stamp,
        institution,
        request.patron_id,
        personal_name(call, after),
        True,
        pin.cq(call, secret),
        patron_extras(call, after),
        lines(call, said, reasons, patron=after) or success(call, said, "CARD_ENABLED"),
    )
    return record(unit, call, request, answer(call, response, reasons, result="ok"), outcome.effects)
