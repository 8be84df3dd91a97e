"""Acts of the desk by barcodes, in one call each."""

from datetime import datetime

from sip2d.desk import lend, renew, subjects, take_back, undo
from sip2d.desk.outcome import Outcome, RenewAllOutcome
from sip2d.desk.place import Desk
from sip2d.policy.facts import ItemFacts, PatronFacts
from sip2d.store.unit import Unit


def item_of(unit: Unit, desk: Desk, barcode: str) -> ItemFacts:
    """The item; it must be known."""
    found = subjects.item(unit, desk, barcode)
    assert found is not None, barcode
    return found


def patron_of(unit: Unit, desk: Desk, barcode: str) -> PatronFacts:
    """The patron; it must be known."""
    found = subjects.patron(unit, desk, barcode)
    assert found is not None, barcode
    return found


def checkout(
    unit: Unit,
    desk: Desk,
    patron: str,
    item: str,
    *,
    renewal: bool = True,
    due: datetime | None = None,
    fee_ok: bool = False,
) -> Outcome:
    """Message 11 as the desk sees it."""
    what = item_of(unit, desk, item)
    return lend.lend(unit, desk, patron_of(unit, desk, patron), what, renewal_allowed=renewal,
                     requested_due_at=due, fee_acknowledged=fee_ok)  # fmt: skip


def renewal(
    unit: Unit,
    desk: Desk,
    patron: str,
    item: str,
    *,
    third_party: bool = False,
    due: datetime | None = None,
    fee_ok: bool = False,
) -> Outcome:
    """Message 29."""
    what = item_of(unit, desk, item)
    return renew.renew(unit, desk, patron_of(unit, desk, patron), what, third_party=third_party,
                       requested_due_at=due, fee_acknowledged=fee_ok)  # fmt: skip


def renew_all(unit: Unit, desk: Desk, patron: str, *, fee_ok: bool = False) -> RenewAllOutcome:
    """Message 65."""
    return renew.renew_all(unit, desk, patron_of(unit, desk, patron), fee_acknowledged=fee_ok)


def checkin(unit: Unit, desk: Desk, item: str) -> Outcome:
    """Message 09 at the desk's own branch."""
    return take_back.take_back(unit, desk, item_of(unit, desk, item), return_branch=desk.branch)


def cancel_checkout(unit: Unit, desk: Desk, item: str) -> Outcome:
    """Message 09 with BI=Y."""
    return undo.undo_loan(unit, desk, item_of(unit, desk, item))


def cancel_checkin(unit: Unit, desk: Desk, patron: str, item: str) -> Outcome:
    """Message 11 with BI=Y."""
    what = item_of(unit, desk, item)
    return undo.undo_return(unit, desk, patron_of(unit, desk, patron), what)


def codes(outcome: Outcome) -> list[str]:
    """Why not."""
    return [reason.code for reason in outcome.reasons]


def notes(outcome: Outcome) -> list[str]:
    """What is told on success."""
    return [reason.code for reason in outcome.notes]


def bypassed(outcome: Outcome) -> list[str]:
    """What the mode set aside."""
    return [reason.code for reason in outcome.bypassed]
