"""Patron status (23), patron information (63) and end of session (35): standing, counts, amounts and one list
(SP-5..SP-10)."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sip2d.circulation import pin, who
from sip2d.circulation.answers import amount, answer, lines, success
from sip2d.circulation.authorise import PATRON_BAD_PIN, PATRON_UNKNOWN
from sip2d.circulation.call import Answer, Call
from sip2d.circulation.lists import NOTHING, page, shows_loans
from sip2d.circulation.personal import patron_extras, personal_name
from sip2d.circulation.pin import Pin
from sip2d.circulation.registry import serves
from sip2d.desk import subjects
from sip2d.desk.place import Desk
from sip2d.policy import flags, rulebook
from sip2d.policy.decision import Reason
from sip2d.policy.facts import PatronFacts
from sip2d.policy.rulebook import Question
from sip2d.store import foresight
from sip2d.store.unit import Unit
from sip2d.wire import messages as m

DENIED_STATUS: Final = "YYYY" + " " * 10
_STANDING: Final = Question.STANDING
NO_COUNTS: Final = (0, 0, 0, 0, 0, 0)


def standing(unit: Unit, call: Call, patron: PatronFacts) -> tuple[tuple[Reason, ...], str]:
    """The reasons that stand against a patron, and his fourteen flags in 24 and 26 as the profile sends them
    (SP-5, SP-7)."""
    facts = subjects.facts(call.desk(), patron, None)
    reasons = rulebook.reasons(_STANDING, facts)
    return reasons, shown_flags(call, flags.patron_flags(flags.of_status(reasons, facts), facts))


def _standing_at(desk: Desk, call: Call, patron: PatronFacts) -> tuple[tuple[Reason, ...], str]:
    facts = subjects.facts(desk, patron, None)
    reasons = rulebook.reasons(_STANDING, facts)
    return reasons, shown_flags(call, flags.patron_flags(reasons, facts))


def shown_flags(call: Call, all_flags: str) -> str:
    """The flags a profile lets out; the others are blank (peers 14)."""
    wanted = call.profile.patron_status_flags
    if len(wanted) == len(all_flags):
        return all_flags
    return "".join(flag if place in wanted else " " for place, flag in enumerate(all_flags))


Asks = m.PatronStatusRequest | m.PatronInformation


def foresee(unit: Unit, asked: Sequence[tuple[Asks, Call]]) -> None:
    """What several of these will ask for each, at once: the patrons, and the loans that are listed (11 us a
    patron of fourteen instead of 15, and two hand-overs of the interpreter lock for all)."""
    desks: dict[tuple[int, datetime], dict[str, tuple[Asks, Call]]] = defaultdict(dict)
    for one in asked:
        request, call = one
        desks[call.institution.id, call.now][call.profile.patron_barcode.normal(request.patron_id)] = one
    listed: dict[bool, list[int]] = defaultdict(list)
    for (institution_id, now), cards in desks.items():
        for barcode, patron_id in foresight.patrons(unit, institution_id, cards, now).items():
            request, call = cards[barcode]
            if isinstance(request, m.PatronInformation) and shows_loans(request, call):
                listed[call.profile.loan_list == "title"].append(patron_id)
    for by_title, ids in listed.items():
        foresight.loan_names(unit, ids, by_title=by_title)


@serves(m.PatronStatusRequest, writes=False, foresight=foresee)
def patron_status(unit: Unit, request: m.PatronStatusRequest, call: Call) -> Answer:
    """24: known or not, and what is denied. BL tells of the record, not of the standing (SP-7)."""
    desk = call.desk()
    patron = who.patron(unit, call, desk, request.patron_id)
    secret = pin.check(call, request.patron_id, patron, request.patron_password)
    if patron is not None and not pin.passes(call, request.code, secret):
        return _shut(call, request, patron, secret)
    return status_answer(unit, call, request, patron, secret)


def _shut(call: Call, request: m.PatronStatusRequest, patron: PatronFacts, secret: Pin) -> Answer:
    """24 without the right PIN: the card is known, and nothing else is said of it (SP-8)."""
    reasons = (PATRON_BAD_PIN,)
    said = call.language(request.language)
    response = m.PatronStatusResponse(
        DENIED_STATUS,
        request.language,
        call.stamp,
        request.institution_id or call.institution.code,
        request.patron_id,
        valid_patron=True,
        valid_patron_password=pin.cq(call, secret),
        screen_messages=lines(call, said, reasons),
    )
    return answer(call, response, reasons, result="refused")


def status_answer(
    unit: Unit,
    call: Call,
    request: m.PatronStatusRequest | m.BlockPatron,
    patron: PatronFacts | None,
    secret: Pin,
    *,
    named: bool = True,
) -> Answer:
    """The 24 of a patron, unknown ones included (SP-8); ``named``: with his name and what he owes."""
    language = getattr(request, "language", "000")
    said = call.language(language)
    institution = request.institution_id or call.institution.code
    if patron is None:
        unknown = m.PatronStatusResponse(
            DENIED_STATUS,
            language,
            call.stamp,
            institution,
            request.patron_id,
            valid_patron=False,
            valid_patron_password=pin.cq(call, secret),
            screen_messages=lines(call, said, (PATRON_UNKNOWN,)),
        )
        return answer(call, unknown, (PATRON_UNKNOWN,))
    reasons, status = standing(unit, call, patron)
    response = m.PatronStatusResponse(
        status,
        language,
        call.stamp,
        institution,
        request.patron_id,
        personal_name(call, patron) if named else "",
        True,
        pin.cq(call, secret),
        call.institution.currency if named else None,
        amount(call, patron.owed_minor) if named else None,
        patron_extras(call, patron) if named else (),
        lines(call, said, reasons, patron=patron),
    )
    return answer(call, response, reasons, result="ok")


@serves(m.PatronInformation, writes=False, foresight=foresee)
def patron_information(unit: Unit, request: m.PatronInformation, call: Call) -> Answer:
    """64: what a kiosk shows of a patron. Lists, addresses and amounts only where the branch sends personal
    data (CN-4)."""
    desk = call.desk()
    patron = who.patron(unit, call, desk, request.patron_id)
    secret = pin.check(call, request.patron_id, patron, request.patron_password)
    institution = request.institution_id or call.institution.code
    if patron is None or not pin.passes(call, request.code, secret):
        return _nameless(call, request, patron, secret, institution)
    reasons, status = _standing_at(desk, call, patron)
    full = call.branch.sip2.send_personal_data
    ready, overdue, loans, fees, recalled, pending = page(unit, call, request, patron) if full else NOTHING
    kind = call.library.patron_types[patron.type_id]
    limit = call.settings.noissuescharge_minor
    waiting = patron.holds_pending
    kept = patron.holds_ready + (waiting if call.profile.hold_count == "all" else 0)
    response = m.PatronInformationResponse(
        status,
        request.language,
        call.stamp,
        kept,
        patron.overdue,
        patron.loans,
        patron.fee_count,
        patron.recalled,
        waiting,
        institution,
        request.patron_id,
        personal_name(call, patron),
        kind.hold_limit,
        kind.overdue_limit,
        kind.loan_limit,
        _valid(call, reasons),
        pin.cq(call, secret),
        call.institution.currency,
        amount(call, patron.owed_minor) if full else None,
        amount(call, limit) if full and limit is not None else None,
        ready,
        overdue,
        loans,
        fees,
        recalled,
        pending,
        patron.address if full else None,
        patron.email if full else None,
        patron.phone if full else None,
        patron_extras(call, patron),
        lines(call, call.language(request.language), reasons, patron=patron) if reasons else (),
    )
    return answer(call, response, reasons, result="ok")


def _valid(call: Call, reasons: tuple[Reason, ...]) -> bool:
    """BL of 64: the standing, or the mere record where the branch or its profile says so (SP-6)."""
    basis = call.branch.sip2.valid_patron or call.profile.valid_patron
    return basis == "record" or not reasons or flags.standing(reasons)


def _nameless(
    call: Call,
    request: m.PatronInformation,
    patron: PatronFacts | None,
    secret: Pin,
    institution: str,
) -> Answer:
    """The 64 of an unknown card or a wrong PIN: nothing of the patron leaves, not even counts (SP-8)."""
    said = call.language(request.language)
    if patron is None:
        reasons: tuple[Reason, ...] = (PATRON_UNKNOWN,)
    else:
        reasons = (PATRON_BAD_PIN,)
    response = m.PatronInformationResponse(
        DENIED_STATUS,
        request.language,
        call.stamp,
        *NO_COUNTS,
        institution,
        request.patron_id,
        valid_patron=patron is not None,
        valid_patron_password=pin.cq(call, secret),
        screen_messages=lines(call, said, reasons),
    )
    return answer(call, response, reasons)


@serves(m.EndPatronSession, writes=False)
def end_session(unit: Unit, request: m.EndPatronSession, call: Call) -> Answer:
    """36: always Y; nothing is kept of a patron between messages (sip2.md 6.9)."""
    institution = request.institution_id or call.institution.code
    return answer(
        call,
        m.EndSessionResponse(
            True,
            call.stamp,
            institution,
            request.patron_id,
            screen_messages=success(call, call.language(""), "SESSION_ENDED"),
        ),
    )
