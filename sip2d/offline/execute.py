"""One line of a file becomes an act of the desk (OF-30..OF-32, OF-35), in mode NO_BLOCK, at its own time."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from sip2d.desk import event, pay, stored, subjects
from sip2d.desk.outcome import Outcome
from sip2d.desk.place import Desk
from sip2d.offline import words
from sip2d.policy.decision import Reason
from sip2d.policy.facts import ItemFacts, PatronFacts
from sip2d.store import offline
from sip2d.store.offline import Waiting
from sip2d.store.unit import Unit


class Result(msgspec.Struct, frozen=True):
    """What became of a line: OK, WARNING, ERROR or DUPLICATE; its code, every warning, the event it left, the
    barcodes of item and patron as the library has them, and what was done, in a word."""

    status: str
    code: str | None = None
    warnings: tuple[str, ...] = ()
    event_id: int | None = None
    item: str = ""
    patron: str = ""
    act: str = "nothing"

    @property
    def codes(self) -> tuple[str, ...]:
        """All there is to tell."""
        return self.warnings or ((self.code,) if self.code else ())

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
    if line.kind == "P":
        return _paid(unit, desk, line)
    item = subjects.item(unit, desk, line.item)
    if item is None:
        return _error(words.ITEM_UNKNOWN)
    if line.kind == "R":
        return _result(stored.take_back(unit, desk, item, return_branch=desk.branch), line, item.barcode)
    patron = subjects.patron(unit, desk, line.patron)
    if patron is None:
        return _error(words.PATRON_UNKNOWN)
    return _lent(unit, desk, line, patron, item)


def _lent(unit: Unit, desk: Desk, line: Waiting, patron: PatronFacts, item: ItemFacts) -> Result:
    """The cases of OF-30; a file may say a time by the minute only, and then the minute tells what is the
    same."""
    loan = item.loan
    own = loan is not None and loan.patron_id == patron.id
    if loan is not None and own and _minute(loan.loaned_at) == _minute(desk.event_at):
        return DUPLICATE
    outcome = stored.lend(unit, desk, patron, item, requested_due_at=line.due_at)
    return _result(outcome, line, item.barcode, patron.barcode)


def _paid(unit: Unit, desk: Desk, line: Waiting) -> Result:
    """OF-22: what was taken at the desk settles the patron's fees, oldest first; what cannot be booked is an
    error, and somebody must look where the money is."""
    patron = subjects.patron(unit, desk, line.patron)
    if patron is None:
        return _error(words.PATRON_UNKNOWN)
    outcome = pay.pay(unit, desk, patron, amount_minor=line.amount_minor)
    if not outcome.done:
        return _error(outcome.reasons[0].code)
    if not line.warnings:
        return Result("OK", act="book the payment")
    return Result("WARNING", line.warnings[0], line.warnings, patron=patron.barcode, act="book the payment")


def _result(outcome: Outcome, line: Waiting, item: str, patron: str = "") -> Result:
    if not outcome.done:
        return Result("ERROR", outcome.reasons[0].code, item=item, patron=patron)
    if event.ALREADY_APPLIED in outcome.notes:
        return DUPLICATE
    event_id = outcome.effects[0].mark if outcome.effects else None
    warnings = tuple(dict.fromkeys((*_codes(outcome.bypassed), *line.warnings)))
    act = _act(line, outcome)
    if not warnings:
        return Result("OK", event_id=event_id, act=act)
    return Result("WARNING", warnings[0], warnings, event_id, item, patron, act)


def _act(line: Waiting, outcome: Outcome) -> str:
    if not outcome.effects:
        return "nothing"
    if line.kind == "R":
        return "route" if outcome.patron is None else "take back"
    acts = ["renew" if outcome.renewal else "lend"]
    if stored.IMPLICIT_RETURN in outcome.bypassed:
        acts.insert(0, "take back")
    if stored.RETURNED_SINCE in outcome.bypassed:
        acts.append("take back")
    return ", ".join(acts)


def _codes(bypassed: tuple[Reason, ...]) -> Iterable[str]:
    """What was set aside (OF-30); an implicit return says more than that another patron had it."""
    codes = [reason.code for reason in bypassed]
    return (code for code in codes if code != words.ON_LOAN_OTHER or words.IMPLICIT_RETURN not in codes)


def _error(code: str) -> Result:
    return Result("ERROR", code)


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
