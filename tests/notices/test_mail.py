"""Mail, sent to real SMTP servers: what arrives, what is tried again, what is given up."""

import smtplib
from pathlib import Path

import msgspec
import pytest

from sip2d.notices.address import usable
from sip2d.notices.mail import Relay, message, message_id, send
from sip2d.notices.outbox import Fared
from sip2d.store.notices import Letter
from tests.notices.servers import LOGIN, Inbox, Papers, login_wanted, served
from tests.support.library import NOW

LETTER = Letter(
    id=7,
    institution_id=1,
    branch_id=1,
    type="ODUE",
    transport="EMAIL",
    dedup_key="ODUE|3|1|1|2026-03-09",
    sender="library@example.org",
    recipient="anne@example.org",
    subject="En retard : « Émile et les détectives » de Kästner",
    body="Bonjour Anne,\n\nà rendre : « Émile » – Straße, œuvre, 12,50 €\n.\n" + "long " * 300 + "\n",
    attempts=0,
    created_at=0,
    name="Anne Müller, dite « Zoë »",
)


def sent(relay: Relay, *letters: Letter) -> list[Fared]:
    return list(send(relay, [(each, "Bibliothèque de l'Île") for each in letters or (LETTER,)], NOW))


def test_french_and_umlauts_arrive_whole() -> None:
    inbox = Inbox()
    with served(inbox) as relay:
        [fared] = sent(relay)
    assert fared.result == "sent"
    [mail], [envelope] = inbox.mails, inbox.envelopes
    assert mail.get_content().splitlines() == LETTER.body.splitlines()
    assert mail["Subject"] == LETTER.subject
    [to] = mail["To"].addresses
    assert (to.display_name, to.addr_spec) == (LETTER.name, "anne@example.org")
    assert str(mail["From"].addresses[0].display_name) == "Bibliothèque de l'Île"
    assert (envelope.mail_from, envelope.rcpt_tos) == ("library@example.org", ["anne@example.org"])
    assert mail["Date"].datetime == NOW
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == "<ODUE|3|1|1|2026-03-09@example.org>"
    assert mail.get_content_type() == "text/plain"


def test_a_mail_is_ascii_on_the_wire() -> None:
    """Any relay takes it, with lines of at most 998 characters."""
    lines = message(LETTER, "Bibliothèque", NOW).as_bytes().split(b"\r\n")
    assert all(line.isascii() and len(line) < 998 for line in lines)


def test_starttls_with_a_login(tmp_path: Path) -> None:
    papers, inbox = Papers(tmp_path), Inbox()
    with served(inbox, **login_wanted(papers.context())) as relay:
        ours = msgspec.structs.replace(relay, ca=papers.file, username=LOGIN[0], password=LOGIN[1])
        assert [one.result for one in sent(ours)] == ["sent"]
    assert len(inbox.mails) == 1


def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    papers, inbox = Papers(tmp_path), Inbox()
    with served(inbox, ssl_context=papers.context()) as relay:
        assert [one.result for one in sent(msgspec.structs.replace(relay, ca=papers.file))] == ["sent"]
    assert len(inbox.mails) == 1


@pytest.mark.parametrize("name", ["localhost", "elsewhere.example"])
def test_a_certificate_that_is_not_the_server_s_gets_nothing(tmp_path: Path, name: str) -> None:
    """An unknown CA, or another's name: no mail, no login, no try of the letter."""
    papers, inbox = Papers(tmp_path), Inbox()
    with served(inbox, **login_wanted(papers.context(name))) as relay:
        ours = msgspec.structs.replace(relay, username=LOGIN[0], password=LOGIN[1])
        if name != "localhost":
            ours = msgspec.structs.replace(ours, ca=papers.file)
        [fared] = sent(ours)
    assert (fared.result, inbox.mails) == ("deferred", [])
    assert "certificate is not accepted" in (fared.error or "")


def test_a_server_without_starttls_gets_nothing() -> None:
    inbox = Inbox()
    with served(inbox) as relay:
        [fared] = sent(msgspec.structs.replace(relay, security="starttls"))
    assert (fared.result, inbox.mails) == ("deferred", [])
    assert fared.error == "The mail server offers no STARTTLS, or no login."


def test_a_wrong_password_is_nobody_s_fault_but_ours_and_never_told(tmp_path: Path) -> None:
    papers, inbox = Papers(tmp_path), Inbox()
    with served(inbox, **login_wanted(papers.context())) as relay:
        ours = msgspec.structs.replace(relay, ca=papers.file, username=LOGIN[0], password="wrong-secret")
        fared = sent(ours, LETTER, LETTER)
    assert [one.result for one in fared] == ["deferred", "deferred"]
    assert "the login was refused" in (fared[0].error or "")
    assert "wrong-secret" not in repr(fared) + repr(ours)


def test_a_temporary_refusal_is_tried_again_and_the_next_letter_goes() -> None:
    """4xx of one mail."""
    inbox = Inbox()
    inbox.moods = ["451 try later"]
    with served(inbox) as relay:
        first, second = sent(relay, LETTER, LETTER)
        assert (first.result, second.result) == ("retried", "sent")
        assert first.error == "451 try later"
        assert [one.result for one in sent(relay)] == ["sent"]
    assert inbox.connections == 2


def test_a_server_that_hangs_up_with_421_is_called_again() -> None:
    inbox = Inbox()
    inbox.moods = ["421 too many mails"]
    with served(inbox) as relay:
        assert [one.result for one in sent(relay, LETTER, LETTER)] == ["retried", "sent"]


@pytest.mark.parametrize("where", ["recipient", "text"])
def test_a_permanent_refusal_is_final(where: str) -> None:
    """5xx: trying again is of no use; the others go."""
    inbox = Inbox()
    if where == "recipient":
        inbox.refused["anne@example.org"] = "550 no such user"
    else:
        inbox.moods = ["554 spam"]
    other = msgspec.structs.replace(LETTER, recipient="bruno@example.org")
    with served(inbox) as relay:
        first, second = sent(relay, LETTER, other)
    assert (first.result, second.result) == ("failed", "sent")
    assert (first.error or "")[:3] in ("550", "554")


def test_a_recipient_refused_for_now_is_tried_again() -> None:
    inbox = Inbox()
    inbox.refused["anne@example.org"] = "450 greylisted"
    with served(inbox) as relay:
        assert [one.result for one in sent(relay)] == ["retried"]


def test_a_connection_cut_in_the_middle_is_made_again() -> None:
    inbox = Inbox()
    inbox.moods = [Inbox.CUT]
    with served(inbox) as relay:
        assert [one.result for one in sent(relay, LETTER, LETTER)] == ["retried", "sent"]
    assert inbox.connections == 2


def test_a_relay_that_keeps_breaking_costs_two_letters_a_try_and_no_more() -> None:
    inbox = Inbox()
    inbox.moods = [Inbox.CUT] * 9
    with served(inbox) as relay:
        fared = [one.result for one in sent(relay, *[LETTER] * 5)]
    assert fared == ["retried", "retried", "deferred", "deferred", "deferred"]


def test_a_relay_that_is_away_costs_no_letter_a_try() -> None:
    inbox = Inbox()
    with served(inbox) as relay:
        pass
    fared = sent(relay, LETTER, LETTER)
    assert [one.result for one in fared] == ["deferred", "deferred"]
    assert "cannot be reached" in (fared[0].error or "")


@pytest.mark.parametrize("field", ["subject", "name", "recipient", "sender"])
def test_nothing_becomes_a_header_of_its_own(field: str) -> None:
    """Header injection: a name or a subject stays one; an address with a line end makes no mail."""
    evil = "x@example.org\r\nBcc: evil@example.org\r\n\r\nbody"
    inbox = Inbox()
    with served(inbox) as relay:
        [fared] = sent(relay, msgspec.structs.replace(LETTER, **{field: evil}))
    if field in ("recipient", "sender"):
        assert (fared.result, inbox.mails) == ("failed", [])
    else:
        [mail], [envelope] = inbox.mails, inbox.envelopes
        assert mail["Bcc"] is None
        assert envelope.rcpt_tos == ["anne@example.org"]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("anne@example.org", "anne@example.org"),
        (" anne.o'b+x@sub.example.org ", "anne.o'b+x@sub.example.org"),
        ("anne@bücher.example", "anne@xn--bcher-kva.example"),
        ("anne@localhost", "anne@localhost"),
        ("", None),
        (None, None),
        ("anne", None),
        ("anne@", None),
        ("@example.org", None),
        ("a b@example.org", None),
        ("anne@example..org", None),
        ("anne@-x.org", None),
        ("Anne <anne@example.org>", None),
        ("a@example.org,b@example.org", None),
        ("a@example.org\nBcc: b@example.org", None),
        ("änne@example.org", None),
        ("a@" + "x" * 64 + ".org", None),
        ("a" * 250 + "@example.org", None),
    ],
)
def test_which_addresses_can_be_written_to(text: str | None, address: str | None) -> None:
    assert usable(text) == address


def test_a_key_that_fits_no_message_id_is_told_by_its_digest() -> None:
    assert message_id("HOLD_READY|7", "a@example.org") == "<HOLD_READY|7@example.org>"
    odd = message_id("key with <blanks>", "a@example.org")
    assert odd == message_id("key with <blanks>", "a@example.org")
    assert " " not in odd
    assert len(odd) < 90


def test_a_relay_does_not_show_its_password() -> None:
    assert "s3cret" not in repr(Relay("mail.example.org", password="s3cret"))
    assert smtplib.SMTP.debuglevel == 0
