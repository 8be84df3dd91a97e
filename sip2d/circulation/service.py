"""From a request to its answer, inside one unit: gates, then the function that serves the message."""

from sip2d.circulation import card, hold, item, loan, patron, pay, take_back
from sip2d.circulation.answers import answer, lines
from sip2d.circulation.authorise import authorise
from sip2d.circulation.call import Answer, Call
from sip2d.circulation.refuse import refusal
from sip2d.circulation.registry import SERVICES
from sip2d.policy.decision import Reason
from sip2d.store.unit import Unit
from sip2d.wire.messages import Request

# Importing them registers what they serve.
ROOMS = (card, hold, item, loan, patron, pay, take_back)


def serve(unit: Unit, request: Request, call: Call) -> Answer:
    """Serves one request. Refusals are answers; faults and ``PinNeeded`` are raised and roll the unit
    back."""
    denied = authorise(call.branch, call.institution.code, request)
    if denied is not None:
        return refuse(call, request, denied)
    return SERVICES[request.code].handler(unit, request, call)


def refuse(call: Call, request: Request, reason: Reason) -> Answer:
    """The typed refusal of a request for one reason, with its screen text (SP-9)."""
    said = call.language(getattr(request, "language", ""))
    response = refusal(request, call.institution.code, call.stamp, lines(call, said, (reason,)))
    return answer(call, response, (reason,))
