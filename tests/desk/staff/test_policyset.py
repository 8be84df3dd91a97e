"""What `library apply` refuses although the tables would take it: the checks of the single commands."""

from collections.abc import Iterator
from typing import Any

import pytest

from sip2d.desk.staff import policyset
from sip2d.desk.staff.work import Refused
from sip2d.policy.texts import PLACEHOLDERS
from tests.desk.staff.office import Office
from tests.support.databases import Databases
from tests.support.desks import opened, prepare


@pytest.fixture
def office(sqlite_databases: Databases) -> Iterator[Office]:
    """The boss."""
    with opened(sqlite_databases.fresh(prepare)) as room:
        yield Office(room)


def applied(office: Office, section: str, *rows: dict[str, Any]) -> None:
    """Add rows to a section of the institution's own export, or change those of the same key."""
    document = office.see(lambda work: policyset.export(work, "MAIN"))
    keys = [{row.get("code"), row.get("name")} for row in rows]
    kept = [row for row in document[section] if {row.get("code"), row.get("name")} not in keys]
    office.do(lambda work: policyset.apply(work, {section: [*kept, *rows]}, "MAIN"))


WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "zone": ("branches", {"code": "CENTRAL", "name": "Central", "timezone": "Mars/Olympus"}, "no time zone"),
    "weekday": ("opening_hours", {"weekday": 9, "opens": "09:00", "closes": "12:00"}, "Monday is 0"),
    "hour": ("opening_hours", {"weekday": 1, "opens": "25:00", "closes": "26:99"}, "between 00:00 and 24:00"),
    "spelling": ("opening_hours", {"weekday": 1, "opens": "9:00", "closes": "12:00"}, "written like 09:00"),
    "date": ("calendar_exceptions", {"day": "2026-13-45", "open": True}, "no date"),
    "period": (
        "membership_policies",
        {"name": "None", "fee": "1.00", "bill_reason": "", "period": 0, "period_unit": "DAY"},
        "from one day to a hundred years",
    ),
    "reminders": (
        "membership_policies",
        {"name": "M", "fee": "1.00", "period": 1, "period_unit": "YEAR", "reminder_days": ["soon"]},
        "reminder days",
    ),
    "limit": ("patron_types", {"code": "NEW", "name": "New", "loan_limit": -4}, "less than nothing"),
    "messaging": (
        "patron_types",
        {"code": "NEW", "name": "New", "messaging": {"PREDUE": {"days_in_advance": 99}}},
        "makes no sense",
    ),
    "media": ("item_types", {"code": "NEW", "name": "New", "media_type": "999"}, "no media type"),
    "code": ("item_types", {"code": "A B", "name": "New"}, "no code"),
    "lost": ("lost_values", {"code": 0, "description": "Here"}, "0 is not lost"),
    "level": ("overdue_triggers", {"patron_type": "ADULT", "level": 7, "delay_days": 3}, "levels 1, 2 and 3"),
    "transport": (
        "overdue_triggers",
        {"patron_type": "ADULT", "level": 1, "delay_days": 3, "transports": ["PIGEON"]},
        "PIGEON",
    ),
    "text": (
        "texts",
        {"scenario": "LOAN_LIMIT", "language": "en", "text": "Hello {nosuch}"},
        PLACEHOLDERS[0],
    ),
    "rule": ("rules", {"name": "fine_amount", "value": "much"}, "no rate"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_makes_no_sense_is_refused_with_the_reason(office: Office, case: str) -> None:
    """Issue 3, 1.5 and 1.6; and the daemons go on with the library they have."""
    section, row, said = WRONG[case]
    before = office.see(lambda work: policyset.export(work, "MAIN"))
    with pytest.raises(Refused, match=said):
        applied(office, section, row)
    assert office.see(lambda work: policyset.export(work, "MAIN")) == before
    assert office.library.branches


def test_lo15_delays_increase_in_a_policy_set_too(office: Office) -> None:
    """LO-15: asked of all levels together, for a set may exchange them."""
    levels = [{"patron_type": "ADULT", "level": number, "template": "ODUE"} for number in (1, 2)]
    first, second = ({**levels[0], "delay_days": 9}, {**levels[1], "delay_days": 3})
    with pytest.raises(Refused, match="increase: 9, 3 do not"):
        applied(office, "overdue_triggers", first, second)
    applied(office, "overdue_triggers", {**first, "delay_days": 3}, {**second, "delay_days": 9})


def test_settings_that_need_each_other_are_applied_together(office: Office) -> None:
    """BL-22, LO-46: whatever their order, as long as they make sense when all are there."""
    names = ("enable", "history_days", "maximum_threshold", "suspension_days")
    wanted = [
        {"name": f"demerit_{name}", "value": value}
        for name, value in zip(names, ("true", "30", "10", "14"), strict=True)
    ]
    applied(office, "settings", *wanted, {"name": "LongOverdueItemTypes", "value": "BOOK"})
    document = office.see(lambda work: policyset.export(work, "MAIN"))
    swapped = [row for row in document["settings"] if row["name"] != "LongOverdueItemTypes"]
    swapped.append({"name": "LongOverdueSkipItemTypes", "value": "DVD"})
    office.do(lambda work: policyset.apply(work, {"settings": swapped}, "MAIN"))
    assert office.see(lambda work: policyset.difference(work, {"settings": swapped}, "MAIN")) == []
    with pytest.raises(Refused, match="BL-22"):
        office.do(lambda work: policyset.apply(work, {"settings": wanted[:1]}, "MAIN"))


def test_a_library_that_no_daemon_could_load_is_refused(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the checks of single rows overlook: one bad row must not stop every kiosk."""
    monkeypatch.setattr("sip2d.desk.staff.policycheck.row", lambda section, said: None)
    with pytest.raises(Refused, match="no daemon could work"):
        applied(office, "calendar_exceptions", {"day": "2026-13-45", "open": True})
    assert office.library.branches
