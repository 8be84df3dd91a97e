"""The outbox: how a notice is written, sent, tried again, held and given up (JB-13)."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import update

from sip2d.jobs import delivery
from sip2d.notices import outbox
from sip2d.notices.mail import Relay
from sip2d.notices.outbox import BACKOFF, CLAIM, MOST_AGE, Fared
from sip2d.notices.post import Post
from sip2d.store import notices
from sip2d.store.tables import notice_template, patron
from sip2d.store.times import seconds
from tests.notices.play import TEXTS, addressed, deliver, only, outbox_of, play, queue
from tests.notices.servers import Inbox, served
from tests.support import library
from tests.support.desks import Room
from tests.support.library import NOW


def texts() -> Post:
    return Post(lambda: TEXTS)


def own_template(room: Room, **values: object) -> None:
    row: dict[str, object] = {
        "institution_id": room.world.institutions["MAIN"], "code": "HOLD_READY", "language": "en",
        "transport": "EMAIL", "subject": "own", "body": "{{ title }}",
    }  # fmt: skip
    with room.unit() as unit:
        library.add(unit.core, notice_template, **{**row, **values})


def patron_says(room: Room, barcode: str, **values: object) -> None:
    with room.unit() as unit:
        unit.core.execute(update(patron).where(patron.c.barcode == barcode).values(**values))


def test_a_notice_is_written_then_mailed(room: Room) -> None:
    """From QUEUED to SENT, with the patron's name and language and the branch's address."""
    addressed(room, branch_address="central@example.org")
    patron_says(room, "P1", language="fr")
    queue(room)
    assert deliver(room, texts()).counters == {"pending": 1}
    row = only(room)
    assert (row.state, row.language, row.sender, row.recipient) == (
        "PENDING", "fr", "central@example.org", "anne@example.org",
    )  # fmt: skip
    assert row.subject == "Prêt pour vous : Émile & Détéctives"
    inbox = Inbox()
    with served(inbox) as relay:
        post = Post(lambda: TEXTS, relay)
        assert deliver(room, post).counters == {"sent": 1}
        assert deliver(room, post).counters == {}
    assert (only(room).state, only(room).attempts) == ("SENT", 1)
    [mail] = inbox.mails
    assert "Bonjour Anne Dupont," in mail.get_content()
    assert mail["From"].addresses[0].display_name == "Main library, Central"
    assert mail["Message-ID"].startswith("<HOLD_READY|P1@")
    assert post.figures.results == {("EMAIL", "sent"): 1}
    assert post.figures.states == {"QUEUED": 0, "PENDING": 0, "HELD_NO_SENDER": 0}


@pytest.mark.parametrize(
    ("own", "branch", "sender"),
    [
        ("main@example.org", "central@example.org", "central@example.org"),
        ("main@example.org", None, "main@example.org"),
        (None, "central@example.org", "central@example.org"),
        ("main@example.org", "no address", "main@example.org"),
        (None, None, None),
    ],
)
def test_the_sender_is_the_branch_else_the_institution(
    room: Room, own: str | None, branch: str | None, sender: str | None
) -> None:
    """LO-11."""
    addressed(room, own, branch)
    queue(room)
    deliver(room, texts())
    row = only(room)
    assert (row.state, row.sender) == ("PENDING" if sender else "HELD_NO_SENDER", sender)


def test_a_notice_without_a_sender_is_held_and_released_by_itself(room: Room) -> None:
    """LO-10a: visible in its state and in the metric; an address sets it free."""
    queue(room)
    post = texts()
    assert deliver(room, post).counters == {"held_no_sender": 1}
    assert post.figures.states["HELD_NO_SENDER"] == 1
    assert "no" not in (only(room).state or "")
    assert "e-mail address" in (only(room).error or "")
    assert deliver(room, post).counters == {}
    addressed(room)
    assert deliver(room, post).counters == {"pending": 1}
    assert (only(room).state, only(room).error) == ("PENDING", None)


@pytest.mark.parametrize("type_", ["MEMBERSHIP_BILL", "MEMBERSHIP_CONFIRMATION", "MEMBERSHIP_REMINDER"])
@pytest.mark.parametrize("transport", ["EMAIL", "PRINT", "SMS"])
def test_membership_notices_are_never_printed(room: Room, type_: str, transport: str) -> None:
    """MB-41: a patron without e-mail is UNDELIVERABLE."""
    addressed(room)
    queue(room, type_, "P2", transport=transport, context={"amount_minor": 1})
    deliver(room, texts())
    assert (only(room).state, only(room).transport) == ("UNDELIVERABLE", transport)


@pytest.mark.parametrize("type_", ["HOLD_READY", "PREDUE", "CANCEL_HOLD_ON_LOST", "DUE_RECEIPT"])
@pytest.mark.parametrize("email", [None, "", "nobody at home"])
def test_other_notices_are_printed_only_where_that_was_chosen(
    room: Room, type_: str, email: str | None
) -> None:
    """LO-74: without an e-mail address nothing is sent."""
    addressed(room)
    patron_says(room, "P1", email=email)
    queue(room, type_)
    deliver(room, texts())
    assert only(room).state == "UNDELIVERABLE"
    queue(room, type_, key="second", transport="PRINT")
    deliver(room, texts())
    assert [row.state for row in outbox_of(room)] == ["UNDELIVERABLE", "PENDING"]


@pytest.mark.parametrize("transport", ["EMAIL", "SMS"])
def test_an_overdue_notice_that_cannot_be_mailed_is_printed_once(room: Room, transport: str) -> None:
    """LO-17: at most one print a patron, level and run."""
    addressed(room)
    patron_says(room, "P2", address="2 rue B\n75000 Paris")
    queue(room, "ODUE", "P2", transport=transport)
    deliver(room, texts())
    row = only(room)
    assert (row.state, row.transport, row.sender) == ("PENDING", "PRINT", None)
    assert row.recipient == "Bruno Martin\n2 rue B\n75000 Paris"
    queue(room, "ODUE", "P2", key="K", transport=transport)
    queue(room, "ODUE", "P2", key="K|PRINT", transport="PRINT")
    deliver(room, texts())
    assert [(row.dedup_key, row.state) for row in outbox_of(room)[1:]] == [
        ("K", "UNDELIVERABLE"), ("K|PRINT", "PENDING"),
    ]  # fmt: skip


def test_a_code_that_has_no_template_is_told(room: Room) -> None:
    """LO-10c, MB-45: nothing is sent, and the state says why."""
    addressed(room)
    queue(room, template="NOWHERE")
    deliver(room, texts())
    assert (only(room).state, only(room).error) == ("NO_TEMPLATE", "There is no template 'NOWHERE'.")


def test_the_branch_s_template_wins_over_the_institution_s_and_that_over_ours(room: Room) -> None:
    """LO-13, LO-14: per branch, language and transport; the patron's language before the institution's."""
    addressed(room)
    central, north = room.world.branches["CENTRAL"], room.world.branches["NORTH"]
    own_template(room, subject="institution")
    own_template(room, subject="branch", branch_id=central)
    own_template(room, subject="on paper", transport="PRINT")
    own_template(room, subject="français", language="fr", branch_id=north)
    for number, (place, person, transport) in enumerate(
        [(central, "P1", "EMAIL"), (north, "P1", "EMAIL"), (north, "P1", "PRINT"), (central, "P1", "PRINT"),
         (north, "P2", "PRINT"), (central, "P2", "PRINT")]
    ):  # fmt: skip
        queue(room, patron=person, key=str(number), branch_id=place, transport=transport)
    deliver(room, texts())
    assert [row.subject for row in outbox_of(room)] == [
        "branch", "institution", "on paper", "branch", "français", "Prêt pour vous : Émile & Détéctives",
    ]  # fmt: skip


def test_a_template_that_broke_fails_the_notice_with_its_sentence(room: Room) -> None:
    addressed(room)
    own_template(room, body="x\n{{ due_at|money|money }}")
    queue(room, context={"title": "T", "due_at": 5})
    deliver(room, texts())
    row = only(room)
    assert row.state == "FAILED"
    assert row.error == (
        "The template 'HOLD_READY' (en): body: it cannot be filled in: an amount is a number of minor units."
    )


def test_a_deleted_patron_gets_nothing(room: Room) -> None:
    addressed(room)
    queue(room, patron="P-DELETED")
    deliver(room, texts())
    assert only(room).state == "UNDELIVERABLE"


def test_nothing_is_written_before_its_time(room: Room) -> None:
    addressed(room)
    queue(room, not_before=NOW + timedelta(hours=1))
    assert deliver(room, texts()).counters == {}
    assert deliver(room, texts(), NOW + timedelta(hours=1)).counters == {"pending": 1}


def test_a_refusal_for_now_is_tried_again_later_and_later_until_it_failed(room: Room) -> None:
    addressed(room)
    queue(room)
    now = NOW
    deliver(room, texts(), now)
    inbox = Inbox()
    inbox.moods = ["451 not now"] * 20
    with served(inbox) as relay:
        post = Post(lambda: TEXTS, relay)
        for number, wait in enumerate(BACKOFF[:-1], start=1):
            deliver(room, post, now)
            row = only(room)
            assert (row.state, row.attempts, row.error) == ("PENDING", number, "451 not now")
            assert row.not_before == seconds(now + wait)
            deliver(room, post, now + wait - timedelta(seconds=1))
            assert only(room).attempts == number
            now += wait
        deliver(room, post, now)
    assert (only(room).state, only(room).attempts, only(room).error) == (
        "FAILED",
        len(BACKOFF),
        "451 not now",
    )
    assert post.figures.results == {("EMAIL", "retried"): len(BACKOFF) - 1, ("EMAIL", "failed"): 1}


def test_temporary_then_success(room: Room) -> None:
    addressed(room)
    queue(room)
    inbox = Inbox()
    inbox.moods = ["451 not now"]
    with served(inbox) as relay:
        post = Post(lambda: TEXTS, relay)
        deliver(room, post)
        deliver(room, post, NOW + BACKOFF[0])
    assert (only(room).state, only(room).attempts, only(room).error) == ("SENT", 2, None)
    assert len(inbox.mails) == 1


def test_a_relay_that_is_away_costs_no_try(room: Room) -> None:
    addressed(room)
    queue(room)
    with served(Inbox()) as relay:
        pass
    deliver(room, Post(lambda: TEXTS, relay))
    row = only(room)
    assert (row.state, row.attempts, row.not_before) == ("PENDING", 0, seconds(NOW + BACKOFF[0]))
    assert "cannot be reached" in (row.error or "")


def test_a_crash_between_send_and_record_sends_twice_but_never_not_at_all(room: Room) -> None:
    """JB-13: at least once; both mails have one Message-ID."""
    addressed(room)
    queue(room)
    deliver(room, texts())
    inbox = Inbox()
    with served(inbox) as relay:
        post = Post(lambda: TEXTS, relay)
        [letter] = room.do(lambda unit: outbox.claim(unit, NOW, "EMAIL"))
        with room.unit(writes=False) as unit:
            assert [one.result for one in post.send(unit.library, "EMAIL", [letter], NOW)] == ["sent"]
        # here the process dies: nothing is recorded
        deliver(room, post, NOW + CLAIM - timedelta(seconds=1))
        assert (only(room).state, len(inbox.mails)) == ("PENDING", 1)  # the claim still stands
        deliver(room, post, NOW + CLAIM)
    assert only(room).state == "SENT"
    assert len({mail["Message-ID"] for mail in inbox.mails}) == 1
    assert len(inbox.mails) == 2


def test_what_is_claimed_is_nobody_else_s(room: Room) -> None:
    addressed(room)
    queue(room)
    deliver(room, texts())
    assert len(room.do(lambda unit: outbox.claim(unit, NOW, "EMAIL"))) == 1
    assert room.do(lambda unit: outbox.claim(unit, NOW, "EMAIL")) == []


@pytest.mark.parametrize("written", [True, False])
def test_what_waited_for_more_than_a_week_is_not_sent(room: Room, written: bool) -> None:
    """Nobody who configures mail after a year sends a year of notices."""
    queue(room)
    if written:
        addressed(room)
        deliver(room, texts())
    late = NOW + MOST_AGE + timedelta(minutes=1)
    addressed(room)
    inbox = Inbox()
    with served(inbox) as relay:
        deliver(room, Post(lambda: TEXTS, relay), late)
    assert (only(room).state, inbox.mails) == ("FAILED", [])
    assert "more than 7 days" in (only(room).error or "")


def test_a_dry_run_sends_nothing_and_changes_nothing(room: Room) -> None:
    addressed(room)
    queue(room)
    inbox = Inbox()
    with served(inbox) as relay:
        job = delivery.job(Post(lambda: TEXTS, relay))
        assert play(room, job, dry_run=True).counters == {"pending": 1}
    assert (only(room).state, inbox.mails) == ("QUEUED", [])


def test_many_notices_go_in_pages(sqlite_room: Room, tmp_path: Path) -> None:
    room = sqlite_room
    addressed(room)
    for number in range(45):
        queue(room, key=f"K{number}")
    for number in range(5):
        queue(room, "ODUE", "P2", key=f"P{number}")
    inbox = Inbox()
    with served(inbox) as relay:
        counters = deliver(room, Post(lambda: TEXTS, relay, tmp_path)).counters
    assert counters == {"pending": 50, "sent": 50}
    assert len(inbox.mails) == 45
    assert len(list(tmp_path.glob("*.txt"))) == 1


def test_a_queued_notice_can_be_withdrawn_a_written_one_not(room: Room) -> None:
    addressed(room)
    queue(room)
    assert room.do(lambda unit: notices.withdraw(unit, "HOLD_READY|P1"))
    assert outbox_of(room) == []
    queue(room)
    deliver(room, texts())
    assert not room.do(lambda unit: notices.withdraw(unit, "HOLD_READY|P1"))
    assert only(room).state == "PENDING"


def test_how_letters_fared_by_result() -> None:
    letter = notices.Letter(1, 1, 1, "ODUE", "EMAIL", "k", "s", "r", "", "", 0, 0, None)
    last = msgspec.structs.replace(letter, attempts=len(BACKOFF) - 1)
    assert [one.result for one in (
        Fared(letter), Fared(letter, "x"), Fared(last, "x"), Fared(letter, "x", final=True),
        Fared(letter, "x", tried=False), Fared(letter, tried=False),
    )] == ["sent", "retried", "failed", "failed", "deferred", "deferred"]  # fmt: skip


def test_without_a_post_office_notices_wait(room: Room) -> None:
    addressed(room)
    queue(room)
    play(room, delivery.JOB)
    assert only(room).state == "PENDING"
    assert Post(lambda: TEXTS, Relay("localhost")).transports == ("EMAIL",)
