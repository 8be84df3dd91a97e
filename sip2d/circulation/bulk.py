"""What becomes of a row of a bulk renewal, known here and nowhere else on the server's side (BR-21)."""

from datetime import datetime

import msgspec

from sip2d.circulation.call import Answer, Call
from sip2d.desk.outcome import Outcome
from sip2d.store import batches
from sip2d.store.unit import Unit
from sip2d.vocabulary import SKIPPED_RENEWALS
from sip2d.wire.messages import CheckoutResponse, Renew


def attempted(
    unit: Unit,
    call: Call,
    request: Renew,
    requested: datetime | None,
    outcome: Outcome,
    response: CheckoutResponse,
    made: Answer,
) -> Answer:
    """Write down the attempt of a session that renews in bulk, in the unit that makes it; the answer, which
    from now on says in ``bulk`` what became of the row. A repeat (SP-21) is no other attempt.
    """
    assert call.batch is not None  # the caller looked: another session pays nothing for this
    reason = next(iter(outcome.reasons), None)
    code = reason.code if reason is not None else "OK"
    became = "RENEWED" if outcome.done else "SKIPPED" if code in SKIPPED_RENEWALS else "FAILED"
    attempt = batches.Attempt(
        patron=request.patron_id, item=request.item_id or "", due_requested=requested, outcome=became,
        code=code, message=" ".join(response.screen_messages), at=call.now,
    )  # fmt: skip
    batches.note(unit, call.batch, attempt)
    return msgspec.structs.replace(made, bulk=became)
