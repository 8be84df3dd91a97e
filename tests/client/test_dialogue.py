"""The SC's recovery (sip2.md 4.4, "SC side"), against a session on a bad line."""

import math

import pytest

from sip2d.client.dialogue import WIDEST, Dialogue, LinkBroken, Manner, NoAnswer
from sip2d.wire.frame import seal
from sip2d.wire.messages import EndPatronSession, ItemInformation, ScStatus
from tests.client.wire import Wire, damage, lose, twice
from tests.session.script import ITEM, LOAN, PATRON

STATUS = ScStatus("0", 80, "2.00")
ANSWER = b"98YYYYYY15000320260102    0304052.00AOMAIN|BXYYYYYYYYYYYYYYYY|"


def _answered(wire: Wire, body: bytes) -> bytes:
    ticket = wire.dialogue.ask(body, wire.now)
    wire.go()
    assert ticket.reply is not None
    return ticket.reply.raw


def test_digits_go_up_and_round() -> None:
    wire = Wire()
    for _ in range(11):
        _answered(wire, ITEM)
    assert [frame[frame.rindex(b"AY") + 2] - 48 for frame in wire.sent] == [*range(10), 0]


def test_silence_sends_the_same_bytes() -> None:
    """SC 1; and the ACS executes once (ACS 3)."""
    wire = Wire()
    wire.down = [lose]
    ticket = wire.dialogue.ask(LOAN, wire.now)
    wire.go()
    assert ticket.reply is None
    assert wire.dialogue.deadline == 15.0
    wire.later(15)
    assert ticket.reply is not None
    assert ticket.reply.tries == 2
    assert ticket.reply.seconds == 15
    assert wire.sent[0] == wire.sent[1]
    assert len(wire.script.served) == 1


def test_silence_for_ever() -> None:
    wire = Wire(Manner(retries=2, timeout=5))
    wire.up = [lose] * 9
    ticket = wire.dialogue.ask(LOAN, wire.now)
    wire.go()
    for _ in range(3):
        wire.later(5)
    assert len(wire.sent) == 3
    assert isinstance(ticket.fault, NoAnswer)
    assert wire.dialogue.deadline == math.inf
    with pytest.raises(NoAnswer):
        wire.dialogue.ask(ITEM, wire.now)


def test_damaged_reply_is_asked_for_again() -> None:
    """SC 2."""
    wire = Wire()
    wire.down = [damage, damage]
    _answered(wire, LOAN)
    assert wire.sent[1:] == [b"97AZFEF5\r"] * 2
    assert len(wire.script.served) == 1


def test_damaged_for_ever() -> None:
    wire = Wire(Manner(retries=2))
    wire.down = [damage] * 9
    ticket = wire.dialogue.ask(LOAN, wire.now)
    wire.go()
    assert isinstance(ticket.fault, LinkBroken)
    assert len(wire.sent) == 3


def test_damaged_request_is_sent_again() -> None:
    """SC 3: the ACS says 96."""
    wire = Wire()
    wire.up = [damage]
    _answered(wire, LOAN)
    assert wire.sent[0] == wire.sent[1]
    assert len(wire.script.served) == 1


def test_96_after_97_is_the_end() -> None:
    """SC 3: the ACS has nothing to repeat."""
    dialogue = Dialogue()
    ticket = dialogue.ask(STATUS, 0)
    dialogue.data_to_send(0)
    dialogue.receive(b"98YYYYAY0AZ0000\r", 0)
    assert dialogue.data_to_send(0) == b"97AZFEF5\r"
    dialogue.receive(b"96AZFEF6\r", 0)
    assert isinstance(ticket.fault, LinkBroken)


@pytest.mark.parametrize("sequence", [b"9", b"1"])
def test_other_sequence_is_discarded(sequence: bytes) -> None:
    """SC 4: keep waiting."""
    dialogue = Dialogue()
    ticket = dialogue.ask(STATUS, 0)
    dialogue.data_to_send(0)
    dialogue.receive(seal(ANSWER, sequence, True), 0)
    assert ticket.reply is None
    assert dialogue.data_to_send(0) == b""
    dialogue.receive(seal(ANSWER, b"0", True), 1)
    assert ticket.reply is not None


def test_second_answer_of_a_retransmission_is_dropped() -> None:
    """With and without digits: without, by its code."""
    for checked in (True, False):
        dialogue = Dialogue(Manner(error_detection=checked))
        first = dialogue.ask(STATUS, 0)
        dialogue.data_to_send(0)
        answer = seal(ANSWER, b"0" if checked else None, checked)
        dialogue.receive(answer, 0)
        assert first.reply is not None
        second = dialogue.ask(EndPatronSession("20260102    030405", "", "P1"), 1)
        dialogue.data_to_send(1)
        if checked:
            dialogue.receive(answer, 1)
            assert second.reply is None
        dialogue.receive(b"18010001" + b"20260102    030405ABx|AJ|\r", 1)
        assert second.reply is None
        dialogue.receive(seal(b"36Y20260102    030405AO|AAP1|", b"1" if checked else None, checked), 1)
        assert second.reply is not None


def test_duplicated_replies_do_no_harm() -> None:
    wire = Wire()
    wire.down = [twice] * 3
    assert [_answered(wire, ITEM)[:8] for _ in range(3)] == [b"<17 no 1", b"<17 no 2", b"<17 no 3"]


def test_window() -> None:
    """So many under way, no more than there are digits for, answered in order."""
    dialogue = Dialogue(Manner(window=64))
    item = ItemInformation("20260102    030405", "", "I1")
    tickets = [dialogue.ask(item, 0) for _ in range(20)]
    assert dialogue.data_to_send(0).count(b"\r") == WIDEST
    for number in range(20):
        dialogue.receive(seal(b"18030001" + b"20260102    030405ABI1|AJT|", b"%d" % (number % 10), True), 0)
        dialogue.data_to_send(0)
    assert [ticket for ticket in dialogue.settled if ticket.reply] == tickets


def test_window_mends_a_damaged_reply_by_the_request() -> None:
    """A 97 would not say which reply is meant."""
    wire = Wire(Manner(window=3))
    wire.down = [None, damage]
    tickets = [wire.dialogue.ask(body, wire.now) for body in (ITEM, PATRON, LOAN)]
    wire.go()
    assert all(ticket.reply is not None for ticket in tickets)
    assert [frame[:2] for frame in wire.sent] == [b"17", b"23", b"11", b"23"]


def test_answers_without_trailer_are_taken() -> None:
    """An ACS that answers without, whatever the request had (sip2.md 4.3)."""
    dialogue = Dialogue()
    ticket = dialogue.ask(STATUS, 0)
    dialogue.data_to_send(0)
    dialogue.receive(ANSWER + b"\r\n", 0)
    assert ticket.reply is not None
    assert ticket.reply.response is not None
    assert ticket.reply.response.code == "98"


def test_a_broken_trailer_is_damage() -> None:
    dialogue = Dialogue()
    dialogue.ask(STATUS, 0)
    dialogue.data_to_send(0)
    dialogue.receive(ANSWER + b"AY0AZ12_4\r", 0)
    assert dialogue.data_to_send(0) == b"97AZFEF5\r"


def test_end_of_the_line() -> None:
    dialogue = Dialogue()
    ticket = dialogue.ask(STATUS, 0)
    dialogue.eof()
    assert isinstance(ticket.fault, LinkBroken)


def test_an_answer_without_end() -> None:
    dialogue = Dialogue()
    ticket = dialogue.ask(STATUS, 0)
    dialogue.receive(b"9" * 70_000, 0)
    assert isinstance(ticket.fault, LinkBroken)


def test_no_repr_shows_a_secret() -> None:
    dialogue = Dialogue()
    ticket = dialogue.ask(PATRON, 0)
    assert "1234" not in repr(ticket)
