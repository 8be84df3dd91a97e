"""What a row of a policy set must be, besides what the tables refuse by themselves: the checks of the single
commands, for sections that are written as they stand (issue 3, 1.6).
"""

from collections.abc import Callable
from datetime import date
from typing import Any, Final

import msgspec

from sip2d.desk.staff import membership_policies, opening, triggers
from sip2d.desk.staff.institutions import check_code, check_zone
from sip2d.desk.staff.templates import PARTS, Shipped
from sip2d.desk.staff.types import PATRON_LIMITS
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.dunning import faults
from sip2d.policy.messaging import defaults
from sip2d.policy.texts import check_text
from sip2d.store import records
from sip2d.store.library import Institution
from sip2d.store.records import Record
from sip2d.store.snapshot import read_library
from sip2d.store.tables import overdue_trigger
from sip2d.vocabulary import MediaType

LEAP: Final = 2000
"""A year that has every day of a year."""


def row(section: str, said: Record) -> None:
    """One row of one of `SECTIONS`, its values of their kinds. Raises `Refused` or ValueError with what is
    wrong."""
    _CHECKS[section](said)


def template(owner: Institution, shipped: Shipped, said: Record | None) -> None:
    """A notice template, as `templates.save` asks. Raises `Refused` with its line."""
    if said is not None:
        parts = {part: said.get(part, "") for part in PARTS}
        shipped.check(said["code"], said["language"], owner, parts)


def whole(work: Work, owner: Institution) -> None:
    """What only the rows together can be asked, once all are written: the levels of overdue notices (LO-15),
    and whether a daemon could take this library into service at all.

    Raises `Refused` with a sentence.
    """
    delays: dict[tuple[Any, Any], list[int]] = {}
    rows = records.rows(work.unit, overdue_trigger, "level", institution_id=owner.id)
    for each in rows:
        delays.setdefault((each["branch_id"], each["patron_type_id"]), []).append(each["delay_days"])
    for place in delays.values():
        if (fault := faults(place)) is not None:
            raise Refused(f"Overdue triggers: {fault}")
    try:
        read_library(work.unit.core)
    except Exception as fault:  # whatever it stumbles over, every daemon would
        raise Refused(f"With these rows no daemon could work: {fault}.") from None


def _branch(said: Record) -> None:
    if said.get("timezone"):
        check_zone(said["timezone"])


def _hours(said: Record) -> None:
    opens, closes = str(said.get("opens", "")), str(said.get("closes", ""))
    if not 0 <= said["weekday"] <= 6:
        raise Refused("weekday: Monday is 0, Sunday is 6.")
    if opening.hours(f"{opens}-{closes}") != ((opens, closes),):
        raise Refused(f"{opens}-{closes}: hours are written like 09:00 and 12:30.")


def _exception(said: Record) -> None:
    if opening.day(said["day"]).isoformat() != said["day"]:
        raise Refused(f"{said['day']!r} is no date such as 2026-12-31.")


def _closure(said: Record) -> None:
    if said.get("month") is not None:
        date(LEAP, said["month"], said.get("day") or 0)


def _membership_policy(said: Record) -> None:
    membership_policies.parse_period(f"{said.get('period', '')} {said.get('period_unit', '')}")
    membership_policies.parse_days(",".join(str(each) for each in said.get("reminder_days", ())))


def _patron_type(said: Record) -> None:
    check_code("patron type", said["code"])
    for name in PATRON_LIMITS:
        if said.get(name, 0) < 0:
            raise Refused(f"{name}: {said[name]} is less than nothing.")
    defaults(msgspec.json.encode(said.get("messaging", {})).decode())


def _item_type(said: Record) -> None:
    check_code("item type", said["code"])
    known = [each.value for each in MediaType]
    if said.get("media_type", known[0]) not in known:
        raise Refused(f"There is no media type {said['media_type']!r}: they are {', '.join(known)}.")


def _lost_value(said: Record) -> None:
    if not 1 <= said["code"] <= 999_999:
        raise Refused("A lost value is a number from 1 to 999999: 0 is not lost.")


def _trigger(said: Record) -> None:
    if said["level"] not in triggers.LEVELS:
        raise Refused("There are the levels 1, 2 and 3.")
    triggers.transports_of(said.get("transports", ()))


def _text(said: Record) -> None:
    check_text(said.get("text", ""))


_CHECKS: Final[dict[str, Callable[[Record], None]]] = {
    "branches": _branch,
    "opening_hours": _hours,
    "calendar_exceptions": _exception,
    "closures": _closure,
    "membership_policies": _membership_policy,
    "patron_types": _patron_type,
    "item_types": _item_type,
    "lost_values": _lost_value,
    "overdue_triggers": _trigger,
    "texts": _text,
}
SECTIONS: Final = frozenset(_CHECKS)
"""The sections whose rows are asked here; the others have checks of their own, or none but their table's."""
