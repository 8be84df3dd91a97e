"""The declared messages against the standard's figures (sip2.md 1); a repr gives no secret away."""

import pytest
from hypothesis import given

from sip2d.wire import messages
from sip2d.wire.layout import ALL_MESSAGES, layout_of
from sip2d.wire.messages import Message, Request
from tests.wire import strategies

# Written by hand from the headings of sip2.md 1.2 and 1.3.
FIXED = {
    code: int(width)
    for code, width in (
        pair.split(":")
        for pair in (
            "23:23 11:40 09:39 01:21 99:10 97:2 93:4 63:33 35:20 37:27 17:20 19:20 25:20 15:21 29:40 65:20 "
            "24:37 12:24 10:24 98:36 96:2 94:3 64:61 36:21 38:21 18:26 20:21 26:37 16:22 30:24 66:29"
        ).split()
    )
}


def test_every_message_is_declared_once() -> None:
    assert sorted(message.code for message in ALL_MESSAGES) == sorted(FIXED)


@pytest.mark.parametrize("message", ALL_MESSAGES, ids=lambda message: message.code)
def test_fixed_blocks_are_exact(message: type[Message]) -> None:
    layout = layout_of(message)
    assert layout.width == FIXED[message.code]
    ends = [slot.offset + slot.width for slot in layout.slots]
    assert [slot.offset for slot in layout.slots] == [2, *ends][: len(layout.slots)]


@pytest.mark.parametrize("message", ALL_MESSAGES, ids=lambda message: message.code)
def test_no_field_twice_and_screen_messages_last(message: type[Message]) -> None:
    ids = [ident.id for ident in layout_of(message).idents]
    assert len(ids) == len(set(ids))
    if "AF" in ids:
        assert ids[-2:] == ["AF", "AG"]


def test_bx_positions_are_sixteen_and_pairs_fit() -> None:
    """SP-1, SP-4."""
    assert [message.bit for message in messages.REQUESTS] == list(range(16))
    answers = {message.code: message.answer.code for message in messages.REQUESTS if message.answer}
    pairs = "23-24 11-12 09-10 01-24 99-98 97-96 93-94 63-64 35-36 37-38 17-18 19-20 25-26 15-16 29-30 65-66"
    assert [f"{code}-{answer}" for code, answer in answers.items()] == pairs.split()


@given(strategies.requests())
def test_a_repr_names_the_class(message: Request) -> None:
    assert repr(message).startswith(type(message).__name__ + "(")


def test_a_repr_shows_no_secret() -> None:
    shown = [
        repr(messages.Login("0", "0", "kiosk", "hush-1")),
        repr(messages.PatronStatusRequest("001", " " * 18, "", "p1", "hush-2", "hush-3")),
        repr(messages.Checkin(False, " " * 18, " " * 18, extras=(("AD", "hush-4"), ("ZZ", "seen")))),
        str(messages.Login("0", "0", "kiosk", "hush-5").__rich_repr__()),
    ]
    assert "hush" not in "".join(shown)
    assert "'kiosk'" in shown[0]
    assert "'seen'" in shown[2]
