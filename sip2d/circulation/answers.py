"""From an outcome to an answer: screen lines, the built body, and the journal's record of both (SP-9,
SP-21)."""

import functools
import hashlib
import operator
from collections.abc import Callable, Iterable, Sequence

import msgspec

from sip2d.circulation.call import Answer, Call
from sip2d.desk.outcome import Effect
from sip2d.policy.decision import Action, Reason
from sip2d.policy.facts import PatronFacts
from sip2d.spelling import spelt_out
from sip2d.store import journal
from sip2d.store.unit import Unit
from sip2d.wire import codec
from sip2d.wire.kinds import instant, money
from sip2d.wire.layout import layout_of
from sip2d.wire.messages import Request, Response

SUSPENDED = "PATRON_SUSPENDED"

# Fixed places that tell two requests of one second apart although their identified fields agree.
_DIGESTED_FIXED = ("hold_mode", "nb_due_date", "fee_type", "payment_type", "currency", "card_retained")


def lines(
    call: Call, language: str, reasons: Iterable[Reason], *, patron: PatronFacts | None = None
) -> tuple[str, ...]:
    """The screen messages of ``reasons``, one a reason, most severe first; a text said twice is said once,
    and of several suspensions the latest, which comes first (BL-12)."""
    said: dict[str, None] = {}
    suspended = False
    for reason in reasons:
        if reason.scenario == SUSPENDED:
            if suspended:
                continue
            suspended = True
        for line in call.wording.lines(reason, language, call, patron):
            said.setdefault(line)
    return tuple(said)


def success(call: Call, language: str, scenario: str, **values: object) -> tuple[str, ...]:
    """What is said when all went well: nothing, but where the profile wants a word (peers 29)."""
    if not call.profile.af_on_success:
        return ()
    said = Reason(code=scenario, denies=Action.NONE, scenario=scenario, values=values)
    return call.wording.lines(said, language, call)


def answer(call: Call, response: Response, reasons: Sequence[Reason] = (), *, result: str = "") -> Answer:
    """The built answer; it is a refusal when there are reasons."""
    if call.profile.print_screen_messages and hasattr(response, "print_lines"):
        response = msgspec.structs.replace(response, print_lines=getattr(response, "screen_messages", ()))
    return Answer(
        codec.build(response, call.profile, call.spoken.version_1),
        result or ("refused" if reasons else "ok"),
        reasons[0].code if reasons else "",
    )


def amount(call: Call, minor: int) -> str:
    """Minor units as the wire wants them: ``12.50`` (GN-3)."""
    return _money(minor, call.institution.decimals)


_money = functools.lru_cache(4096)(money)  # the same few amounts in every 64: 0.1 us instead of 1.4


@functools.cache
def _digested(message: type[Request]) -> tuple[tuple[str, ...], Callable[[Request], tuple[object, ...]]]:
    """Marks and values of what makes two requests the same: fixed fields as ``name=``, identified ones by
    their ids; no secrets, for a digest of a PIN could be guessed (SP-21)."""
    fixed = [(f"{name}=", name) for name in _DIGESTED_FIXED if name in message.__struct_fields__]
    idents = layout_of(message).idents
    found = fixed + sorted((ident.id, ident.name) for ident in idents if not ident.secret)
    marks, names = zip(*found, strict=True)
    return marks, operator.attrgetter(*names)  # there are always several: AO and more


moment = functools.lru_cache(256)(instant)
"""`wire.kinds.instant`, remembered: an act asks for the same date up to three times, 8 us each."""


def journal_key(call: Call, request: Request) -> journal.Key:
    """What makes a request the same as another (SP-21). One digest of one text: 4 us instead of 9."""
    marks, values = _digested(type(request))
    said = [
        f"{mark}{value}\0" for mark, value in zip(marks, values(request), strict=True) if value is not None
    ]
    text = "".join(said).encode("utf-8", "surrogateescape")
    date = getattr(request, "transaction_date", "")
    return journal.Key(
        call.branch.id,
        request.code,
        spelt_out(date),
        hashlib.blake2b(text, digest_size=16).digest(),
        moment(date, call.branch.zone),
        bool(getattr(request, "no_block", False)),
    )


def recorded(unit: Unit, call: Call, request: Request, key: journal.Key | None = None) -> Answer | None:
    """The recorded answer when this request is a repeat (SP-21), to be asked after the locks are taken.

    ``key`` is the request's ``journal_key`` where the caller keeps it for ``record``: it is made once then.
    """
    body = journal.find(
        unit,
        key or journal_key(call, request),
        exchange_id=call.exchange_id,
        again=call.again,
        terminal_id=call.terminal_id,
        now=call.now,
        retry_window=call.branch.sip2.timeout_seconds * (call.branch.sip2.retries_allowed + 1),
        offline_max_age_days=call.settings.offline_max_age_days,
    )
    return None if body is None else Answer(body=body, result="repeat")


def record(
    unit: Unit,
    call: Call,
    request: Request,
    made: Answer,
    effects: tuple[Effect, ...],
    key: journal.Key | None = None,
) -> Answer:
    """Writes an answer that acknowledges an effect into the journal, in the same transaction; gives it back.
    ``key`` as for ``recorded``."""
    if effects:
        journal.record(
            unit,
            key or journal_key(call, request),
            exchange_id=call.exchange_id,
            terminal_id=call.terminal_id,
            now=call.now,
            answer=made.body,
            effects=effects,
        )
    return made
