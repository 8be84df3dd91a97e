"""One line of a file becomes an act of the desk (OF-30..OF-32, OF-35), in mode NO_BLOCK, at its own time."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from sip2d.desk import event, lend, subjects, take_back
from sip2d.desk.outcome import Outcome
from sip2d.desk.place import Desk
from sip2d.offline import words
from sip2d.policy.decision import Reason
from sip2d.policy.facts import ItemFacts, PatronFacts
from sip2d.policy.settings import OtherPatron
from sip2d.store import offline
from sip2d.store.offline import Waiting
from sip2d.store.unit import Unit


class Result(msgspec.Struct, frozen=True):
    """What became of a line: OK, WARNING, ERROR or DUPLICATE; its code, every warning, the event it left."""

    status: str
    code: str | None = None
    warnings: tuple[str, ...] = ()
    event_id: int | None = None

    @property
    def exceptional(self) -> tuple[str, ...]:
        """The codes that go to the queue of exceptions (OF-51)."""
        if self.status == "ERROR":
            return (self.code or "",)
        return tuple(code for code in self.warnings if code in words.EXCEPTIONAL)


DUPLICATE = Result("DUPLICATE", words.DUPLICATE)


def execute(unit: Unit, desk: Desk, line: Waiting) -> Result:
    """Do what the line says happened; ``desk.event_at`` is its time. The item is locked before the patron."""
    if offline.known(unit, line.branch_id, line.key) is not None:
        return DUPLICATE
    item = subjects.item(unit, desk, line.item)
    if item is None:
        return _error(words.ITEM_UNKNOWN)
    if line.kind == "R":
        return _returned(unit, desk, line, item)
    patron = subjects.patron(unit, desk, line.patron)
    if patron is None:
        return _error(words.PATRON_UNKNOWN)
    return _lent(unit, desk, line, patron, item)


def _lent(unit: Unit, desk: Desk, line: Waiting, patron: PatronFacts, item: ItemFacts) -> Result:
    """The cases of OF-30, by what the item's open loan is."""
    loan = item.loan
    own = loan is not None and loan.patron_id == patron.id
    if loan is not None and own and _minute(loan.loaned_at) == _minute(desk.event_at):
        return DUPLICATE
    if loan is not None and loan.loaned_at > desk.event_at:
        offline.supersede(
            unit, item_id=item.id, patron_id=patron.id, branch_id=desk.branch.id, at=desk.event_at,
            ended=loan.loaned_at, interface=desk.interface,
        )  # fmt: skip
        return _warned((*line.warnings, words.NEWER_LOAN), words.NEWER_LOAN)
    other = loan is not None and not own
    if other and desk.settings.offline_other_patron is OtherPatron.ERROR:
        return _error(words.ON_LOAN_OTHER)
    outcome = lend.lend(
        unit, desk, patron, item,
        renewal_allowed=True, requested_due_at=line.due_at, fee_acknowledged=True,
    )  # fmt: skip
    return _result(outcome, line, (words.IMPLICIT_RETURN,) if other and outcome.effects else ())


def _returned(unit: Unit, desk: Desk, line: Waiting, item: ItemFacts) -> Result:
    """OF-32: what is not on loan is routed; a loan that began later stays open."""
    if item.loan is not None and item.loan.loaned_at > desk.event_at:
        return _warned((*line.warnings, words.RETURN_BEFORE_LOAN), words.RETURN_BEFORE_LOAN)
    outcome = take_back.take_back(unit, desk, item, return_branch=desk.branch)
    return _result(outcome, line, () if item.loan is not None else (words.NOT_ON_LOAN,))


def _result(outcome: Outcome, line: Waiting, more: tuple[str, ...]) -> Result:
    if not outcome.done:
        return _error(outcome.reasons[0].code)
    if event.ALREADY_APPLIED in outcome.notes:
        return DUPLICATE
    event_id = outcome.effects[0].mark if outcome.effects else None
    warnings = tuple(dict.fromkeys((*more, *_codes(outcome.bypassed, more), *line.warnings)))
    return _warned(warnings, warnings[0], event_id) if warnings else Result("OK", event_id=event_id)


def _codes(bypassed: Iterable[Reason], more: tuple[str, ...]) -> Iterable[str]:
    """What was set aside (OF-30); an implicit return says more than that another patron had it."""
    for reason in bypassed:
        if reason.code != words.ON_LOAN_OTHER or words.IMPLICIT_RETURN not in more:
            yield reason.code


def _warned(warnings: tuple[str, ...], code: str, event_id: int | None = None) -> Result:
    return Result("WARNING", code, warnings, event_id)


def _error(code: str) -> Result:
    return Result("ERROR", code)


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
