"""Fee paid (37): money was taken at the kiosk (CO-30)."""

from sip2d.circulation import pin, who
from sip2d.circulation.answers import answer, lines, record, recorded, success
from sip2d.circulation.authorise import PATRON_BAD_PIN, PATRON_UNKNOWN
from sip2d.circulation.call import Answer, Call
from sip2d.circulation.registry import serves
from sip2d.desk.outcome import PaymentOutcome
from sip2d.desk.pay import pay
from sip2d.store.unit import Unit
from sip2d.wire import messages as m
from sip2d.wire.kinds import minor_units


@serves(m.FeePaid, writes=True)
def fee_paid(unit: Unit, request: m.FeePaid, call: Call) -> Answer:
    """38. CG pays one fee, a fee type only that kind, else the oldest first; BK makes the payment unique."""
    desk = call.desk()
    patron = who.patron(unit, call, desk, request.patron_id)
    if (repeat := recorded(unit, call, request)) is not None:
        return repeat
    secret = pin.check(call, request.patron_id, patron, request.patron_password)
    if patron is None:
        outcome = PaymentOutcome(done=False, reasons=(PATRON_UNKNOWN,))
    elif not pin.passes(call, request.code, secret):
        outcome = PaymentOutcome(done=False, reasons=(PATRON_BAD_PIN,))
    else:
        outcome = pay(
            unit,
            desk,
            patron,
            amount_minor=minor_units(request.fee_amount, call.institution.decimals),
            currency=request.currency.strip() or None,
            fee_id=request.fee_identifier or None,
            fee_type=request.fee_type,
            payment_type=request.payment_type,
            payment_key=f"{call.terminal.name}:{request.transaction_id}" if request.transaction_id else None,
            write_off=request.payment_type == call.profile.payment_type_writeoff,
            refuse_overpayment=call.profile.refuse_overpayment,
        )
    said = call.language("")
    response = m.FeePaidResponse(
        outcome.done,
        call.stamp,
        request.institution_id or call.institution.code,
        request.patron_id,
        request.transaction_id or (str(outcome.transaction_id) if outcome.transaction_id else None),
        screen_messages=lines(call, said, outcome.reasons, patron=patron)
        or success(
            call,
            said,
            "PAYMENT_CREDITED" if outcome.credit_minor else "PAYMENT_OK",
            amount_minor=outcome.credit_minor or outcome.paid_minor,
        ),
    )
    return record(unit, call, request, answer(call, response, outcome.reasons), outcome.effects)
