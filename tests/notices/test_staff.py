"""What staff do with notices, templates, triggers and courtesy preferences."""

from pathlib import Path

import pytest

from sip2d.desk.staff import messaging, notices, templates, triggers
from sip2d.desk.staff.work import Denied, Refused, Work
from sip2d.notices.post import Post
from sip2d.notices.preview import preview, shipped
from sip2d.store.records import Record
from sip2d.store.tables import overdue_trigger, patron_messaging
from sip2d.store.times import seconds
from tests.cli.shell import Shell, furnish
from tests.desk.staff.office import BOSS, CLERK, Office
from tests.notices.play import TEXTS, addressed, deliver, only, queue, type_says
from tests.support.databases import Databases
from tests.support.desks import Room
from tests.support.library import NOW

SHIPPED = shipped(TEXTS)


def save(room: Room, code: str = "ODUE", **values: str) -> Record:
    parts = {"subject": "s", "body": "b"} | {
        key: values.pop(key) for key in ("subject", "body") if key in values
    }
    place = {"branch_name": values.get("branch"), "language": values.get("language")}
    return Office(room).do(
        lambda work: templates.save(
            work, SHIPPED, code, parts, "MAIN", transport=values.get("transport", "EMAIL"), **place
        )
    )


def test_a_notice_is_seen_tried_again_and_cancelled(room: Room) -> None:
    """Undeliverable and held states are visible; each change is audited."""
    made = queue(room, patron="P2")
    deliver(room, Post(lambda: TEXTS))
    office = Office(room)
    [row] = office.see(lambda work: notices.listing(work, "MAIN", state="undeliverable"))
    assert (row["id"], row["patron"], row["error"]) == (
        made,
        "P2",
        "The patron has no usable e-mail address.",
    )
    assert office.see(lambda work: notices.listing(work, "MAIN", state="FAILED")) == []
    assert office.see(lambda work: notices.listing(work, "MAIN", type_="ODUE", barcode="P2")) == []
    assert office.do(lambda work: notices.retry(work, made))["state"] == "QUEUED"
    assert (only(room).attempts, only(room).not_before) == (0, seconds(NOW))
    assert office.do(lambda work: notices.cancel(work, made))["state"] == "CANCELLED"
    with pytest.raises(Refused, match="CANCELLED"):
        office.do(lambda work: notices.retry(work, made))
    assert [action for _, entity, action in office.audited if entity == "notice"] == ["retry", "cancel"]
    with pytest.raises(Refused, match="no state"):
        office.see(lambda work: notices.listing(work, "MAIN", state="LOST"))
    with pytest.raises(Refused, match="no notice 99"):
        office.see(lambda work: notices.show(work, 99))


def test_a_template_is_checked_when_it_is_saved_and_says_its_line(room: Room) -> None:
    with pytest.raises(Refused, match=r"^body, line 2: ODUE notices have no value 'patron'"):
        save(room, body="x\n{{ patron }}")
    with pytest.raises(Refused, match="nothing can be called"):
        save(room, body="{{ ''.format() }}")
    with pytest.raises(Refused, match="A mail has a subject"):
        save(room, subject=" ")
    with pytest.raises(Refused, match="not written in 'xx'"):
        save(room, language="xx")
    with pytest.raises(Refused, match="no transport"):
        save(room, transport="PIGEON")
    with pytest.raises(Refused, match="is no code"):
        save(room, "odue;drop")


def test_templates_of_a_branch_and_of_the_institution_stand_beside_ours(room: Room) -> None:
    """LO-13, LO-14."""
    office = Office(room)
    assert save(room, subject="one")["origin"] == "own"
    save(room, subject="two", branch="CENTRAL")
    save(room, subject="trois", language="fr")
    save(room, "LETTER7", subject="{{ amount_minor|money }} {{ count }}")
    found = office.see(lambda work: templates.listing(work, SHIPPED, "MAIN"))
    own = [
        (row["code"], row["language"], row["branch"], row["subject"])
        for row in found
        if row["origin"] == "own"
    ]
    assert sorted(own, key=str) == [
        ("LETTER7", "en", None, "{{ amount_minor|money }} {{ count }}"),
        ("ODUE", "en", "CENTRAL", "two"), ("ODUE", "en", None, "one"), ("ODUE", "fr", None, "trois"),
    ]  # fmt: skip
    shown = office.see(lambda work: templates.show(work, SHIPPED, "ODUE", "MAIN", branch_name="CENTRAL"))
    assert shown["subject"] == "two"
    assert {"name": "items", "is": "the items, each with title, author, barcode, due_at, branch"} in shown[
        "values"
    ]
    office.do(lambda work: templates.remove(work, SHIPPED, "ODUE", "MAIN"))
    shown = office.see(lambda work: templates.show(work, SHIPPED, "ODUE", "MAIN"))
    assert shown["origin"] == "sip2d"
    with pytest.raises(Refused, match="did you mean 'ODUE'"):
        office.see(lambda work: templates.show(work, SHIPPED, "ODUEE", "MAIN"))


def test_a_preview_is_a_notice_to_a_real_patron_that_is_not_sent(room: Room) -> None:
    office = Office(room)
    found = office.see(lambda work: preview(work, TEXTS, "odue", "P2", "MAIN"))
    assert found["language"] == "fr"
    assert "Bonjour Bruno Martin" in found["body"]
    assert "Les Misérables" in found["body"]  # he has nothing on loan: invented items
    from tests.notices.test_courtesy import due_on, lent

    lent(room, "P2", "I3", due=due_on("2026-03-10"))
    found = office.see(lambda work: preview(work, TEXTS, "ODUE", "P2", "MAIN", language="en"))
    assert "Title T2" in found["body"]
    assert "Misérables" not in found["body"]
    with pytest.raises(Refused, match="no template"):
        office.see(lambda work: preview(work, TEXTS, "NOWHERE", "P2", "MAIN"))


def level(room: Room, number: int, delay: int | None, *, kind: str = "ADULT", **values: object) -> Record:
    return Office(room).do(
        lambda work: triggers.save(work, kind, number, "MAIN", delay_days=delay, **values)  # type: ignore[arg-type]  # by name
    )


def test_a_patron_type_without_overdue_notices_has_no_triggers(room: Room) -> None:
    """LO-10b: it does not even appear."""
    with pytest.raises(Refused, match=r"gets no overdue notices.*patron-type set ADULT"):
        level(room, 1, 3)
    assert room.count(overdue_trigger) == 0


def test_the_delays_of_a_type_s_levels_increase(room: Room) -> None:
    """LO-12, LO-15: strictly, over the levels that are used."""
    type_says(room, "ADULT", overdue_notice_required=1)
    level(room, 1, 5)
    level(room, 3, 20)
    for number, delay in ((2, 5), (2, 20), (1, 20), (3, 4)):
        with pytest.raises(Refused, match="increase"):
            level(room, number, delay)
    for delay in (0, 91):
        with pytest.raises(Refused, match="1 to 90"):
            level(room, 3 if delay else 1, delay)
    assert level(room, 2, 6)["template"] == "ODUE"
    level(room, 1, 2, branch_name="CENTRAL")  # a place of its own
    with pytest.raises(Refused, match="levels 1, 2 and 3"):
        level(room, 4, 80)
    with pytest.raises(Refused, match="needs its delay"):
        level(room, 1, None, branch_name="NORTH")


def test_a_trigger_is_changed_listed_and_removed(room: Room) -> None:
    """LO-13, LO-14, LO-17, LO-21."""
    type_says(room, "ADULT", overdue_notice_required=1)
    office = Office(room)
    level(room, 1, 5)
    changed = level(room, 1, None, restricts=True, template="", transports=["email", "sms"])
    assert changed == {
        "branch": None, "patron_type": "ADULT", "level": 1, "delay_days": 5, "template": None,
        "restricts": True, "transports": ["EMAIL", "SMS"],
    }  # fmt: skip
    level(room, 2, 3, branch_name="CENTRAL")
    for place, number in (("CENTRAL", 2), ("NORTH", 1)):
        with room.unit(writes=False) as unit:
            rows = triggers.listing(Work(unit, BOSS, NOW), "MAIN", branch_name=place)
        assert [row["level"] for row in rows] == [number]
    assert [row["level"] for row in office.do(lambda work: triggers.remove(work, "ADULT", 1, "MAIN"))] == [2]
    with pytest.raises(Refused, match="no transport"):
        level(room, 1, 5, transports=["PIGEON"])
    with pytest.raises(Denied):
        Office(room, CLERK).do(lambda work: triggers.remove(work, "ADULT", 2, "MAIN"))


@pytest.mark.parametrize("days", [-1, 31])
def test_a_courtesy_notice_comes_0_to_30_days_before(room: Room, days: int) -> None:
    """LO-5."""
    office = Office(room)
    with pytest.raises(Refused, match="0 to 30 days"):
        office.do(lambda work: messaging.set_patron(work, "P1", "PREDUE", {"days_in_advance": days}, "MAIN"))
    with pytest.raises(Refused, match="0 to 30 days"):
        office.do(lambda work: messaging.set_type(work, "ADULT", "PREDUE", {"days_in_advance": days}, "MAIN"))
    assert room.count(patron_messaging) == 0


def test_a_patron_s_word_wins_over_his_type_s(room: Room) -> None:
    """LO-5, LO-6."""
    office = Office(room)
    office.do(lambda work: messaging.set_type(work, "ADULT", "predue", {"days_in_advance": 3}, "MAIN"))
    before, _ = office.see(lambda work: messaging.of_patron(work, "P1", "MAIN"))
    assert before == {
        "notice": "PREDUE", "enabled": True, "days_in_advance": 3, "digest": False, "transports": ["EMAIL"],
        "said_by": "patron type",
    }  # fmt: skip
    said = {"digest": True, "transports": ["print"]}
    after, _ = office.do(lambda work: messaging.set_patron(work, "P1", "PREDUE", said, "MAIN"))
    assert after == {**before, "digest": True, "transports": ["PRINT"], "said_by": "patron"}
    office.do(lambda work: messaging.set_patron(work, "P1", "PREDUE", {"enabled": False}, "MAIN"))
    again, _ = office.do(lambda work: messaging.set_patron(work, "P1", "PREDUE", {}, "MAIN"))
    assert again == before
    rows = office.do(lambda work: messaging.set_type(work, "ADULT", "PREDUE", {}, "MAIN"))
    assert [row["enabled"] for row in rows] == [False, False]
    with pytest.raises(Refused, match="did you mean 'PREDUE'"):
        office.do(lambda work: messaging.set_patron(work, "P1", "PREDU", {}, "MAIN"))


@pytest.fixture
def shell(sqlite_databases: Databases) -> Shell:
    return Shell(sqlite_databases.fresh(furnish))


def test_the_commands(shell: Shell, tmp_path: Path) -> None:
    """One line each, end to end."""
    file = tmp_path / "odue.toml"
    file.write_text('subject = "Spät: {{ count }}"\nbody = "{{ patron_name }}"\n', encoding="utf-8")
    own = "--institution MAIN --as boss"
    assert shell(f"notice-template set ODUE {file} {own}").json["origin"] == "own"
    assert shell(f"notice preview ODUE --patron P1 {own}").json["subject"].startswith("Spät: ")
    file.write_text('subject = "{{ x }}"\n')
    assert "subject, line 1" in shell(f"notice-template set ODUE {file} {own}", code=65).err
    file.write_text("subject = 1\n")
    assert "is no text" in shell(f"notice-template set ODUE {file} {own}", code=65).err
    assert {row["origin"] for row in shell(f"notice-template remove ODUE {own}").json} == {"sip2d"}
    shell(f"patron-type set ADULT --overdue-notices {own}")
    shell(f"overdue-trigger set ADULT 1 --delay 3 --restrict {own}")
    assert shell(f"overdue-trigger list {own}").json[0]["restricts"] is True
    assert shell(f"overdue-trigger remove ADULT 1 {own}").json == []
    shell(f"patron messaging P1 --notice PREDUE --days 4 --digest {own}")
    assert shell(f"patron messaging P1 {own}").json[0]["days_in_advance"] == 4
    shell(f"patron-type messaging ADULT --notice DUE --enabled {own}")
    assert shell(f"patron-type messaging ADULT {own}").json[1]["enabled"] is True
    assert shell(f"notice list {own}").json == []


def test_an_address_frees_what_was_held(room: Room) -> None:
    """LO-10a, as staff see it."""
    queue(room)
    post = Post(lambda: TEXTS)
    deliver(room, post)
    [row] = Office(room).see(lambda work: notices.listing(work, "MAIN", state="HELD_NO_SENDER"))
    assert "e-mail address" in row["error"]
    addressed(room)
    deliver(room, post)
    assert Office(room).see(lambda work: notices.show(work, row["id"]))["state"] == "PENDING"
