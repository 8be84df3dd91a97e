"""Values that may not go out as they are: the fast builder gives what the careful one gives (sip2.md 3.5)."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip2d.wire import messages as m
from sip2d.wire.building import Careful, Plan
from sip2d.wire.codec import build
from sip2d.wire.layout import layout_of
from sip2d.wire.messages import Message
from sip2d.wire.profile import Profile
from tests.wire.test_codec import NOW, PROFILES

ODD = '\0\x01\t\n\r\x1b\x1f ~\x7f\x85\xa0\xad\u200b\u2028\ufeffé漢€\udcff\N{PILE OF POO}|^{"\\'
"""Controls, what no eye sees, what a charset lacks, every delimiter."""
INFORMATION = m.PatronInformationResponse(
    " " * 14, "001", NOW, 0, 0, 1, 0, 0, 0, "MAIN", "p1", "Anne", charged_items=("i1",)
)

PLACES: dict[str, Callable[[str], Message]] = {
    "fixed": lambda value: msgspec.structs.replace(INFORMATION, language=value),
    "required": lambda value: msgspec.structs.replace(INFORMATION, patron_id=value),
    "optional": lambda value: msgspec.structs.replace(INFORMATION, home_address=value),
    "list": lambda value: msgspec.structs.replace(INFORMATION, charged_items=("i1", value)),
    "screen": lambda value: msgspec.structs.replace(INFORMATION, screen_messages=(value, "two")),
    "extra": lambda value: msgspec.structs.replace(INFORMATION, extras=(("ZZ", value),)),
}


def same(message: Message, profile: Profile) -> bytes:
    """What both builders give."""
    built = build(message, profile)
    assert built == Careful(Plan(layout_of(type(message)), profile, False))(message)
    return built


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@pytest.mark.parametrize("place", PLACES)
def test_an_odd_character_goes_out_as_the_careful_builder_writes_it(profile: Profile, place: str) -> None:
    """Alone, within an ASCII value and within another; nothing that ends a frame or a field is in it."""
    mark = profile.delimiter.encode()
    fields = same(PLACES[place]("a"), profile).count(mark)
    for character in ODD:
        for value in (character, f"a{character}z", f"é{character}", character * 4, f"abc{character}"):
            built = same(PLACES[place](value), profile)
            controls = {byte for byte in built if byte < 0x20 or byte == 0x7F}
            assert controls <= set(mark), ascii(value)
            assert built.count(mark) == fields, ascii(value)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=15)
@given(value=st.text(ODD + "aZ09", max_size=12))
def test_any_mixture_of_them(profile: Profile, place: str, value: str) -> None:
    same(PLACES[place](value), profile)


@pytest.mark.parametrize("value", ["", "0", "00", "001", "0012", "é", "éàü", "éàüß", "\x7f01", "00|", "   "])
def test_a_fixed_value_is_as_wide_as_its_place(value: str) -> None:
    """Cut, or filled with blanks."""
    built = same(PLACES["fixed"](value), PROFILES[0]).decode()
    assert built[16 + 3 :].startswith(NOW)
