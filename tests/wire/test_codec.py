"""Parsing and building: exact, tolerant in, clean out (sip2.md 3, 9; quirks D, E)."""

import unicodedata

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip2d.wire import messages as m
from sip2d.wire.building import MAX_BODY, Careful, Plan
from sip2d.wire.codec import build, parse_request, parse_response
from sip2d.wire.layout import ALL_MESSAGES, layout_of
from sip2d.wire.messages import Message, Request, Response
from sip2d.wire.profile import STANDARD, Profile
from tests.wire import strategies

NOW = "20260115    101500"
NONE = " " * 18
PROFILES = (
    STANDARD,
    Profile(name="extended", send_extensions=True),
    Profile(name="cp850", charset="cp850", terminator="CRLF"),
    Profile(name="ascii", charset="ascii", delimiter="^"),
    Profile(name="latin", charset="latin-1", delimiter="\t"),
    Profile(name="braces", delimiter="{"),
    Profile(name="quotes", delimiter='"'),
    Profile(name="slashes", delimiter="\\"),
)


def asked(raw: str) -> Request:
    """The request in this text."""
    found = parse_request(raw.encode(), STANDARD)
    assert found is not None
    return found


# -- exact -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@settings(max_examples=20)
@given(data=st.data())
def test_requests_come_back_as_they_went(profile: Profile, data: st.DataObject) -> None:
    message = data.draw(strategies.requests(profile))
    assert parse_request(build(message, profile), profile) == message


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@settings(max_examples=20)
@given(data=st.data())
def test_fields_may_come_in_any_order(profile: Profile, data: st.DataObject) -> None:
    """2.1: the usual order is read another way than any other, and says the same."""
    message = data.draw(strategies.requests(profile))
    text, width = build(message, profile).decode(profile.charset), layout_of(type(message)).width
    *fields, _ = text[width:].split(profile.delimiter)
    mixed = text[:width] + "".join(field + profile.delimiter for field in data.draw(st.permutations(fields)))
    found = parse_request(mixed.encode(profile.charset), profile)
    assert found is not None
    assert plainly(found) == plainly(message)


def plainly(message: Message) -> dict[str, object]:
    """Its fields; those it does not declare in no order."""
    fields = msgspec.structs.asdict(message)
    return fields | {"extras": sorted(fields.get("extras", ()))}


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@settings(max_examples=20)
@given(data=st.data())
def test_responses_come_back_as_they_went(profile: Profile, data: st.DataObject) -> None:
    message = data.draw(strategies.responses(profile))
    assert parse_response(build(message, profile), profile) == message


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@settings(max_examples=20)
@given(data=st.data())
def test_the_fast_and_the_careful_builder_agree(profile: Profile, data: st.DataObject) -> None:
    message = data.draw(strategies.responses(profile) | strategies.requests(profile))
    assert build(message, profile) == Careful(Plan(layout_of(type(message)), profile, False))(message)


@pytest.mark.parametrize(
    ("message", "raw"),
    [
        (m.LoginResponse(True), b"941"),
        (m.RequestScResend(), b"96"),
        (
            m.CheckoutResponse(
                True, False, "N", "Y", NOW, "MAIN", "p1", "i1", "A title", "", valid_patron=True
            ),
            b"121NNY20260115    101500AOMAIN|AAp1|ABi1|AJA title|AH|BLY|",
        ),
        (
            m.RenewAllResponse(True, 1, 12, NOW, "MAIN", ("i1",), ("i2", "i3")),
            b"66100010012" + NOW.encode() + b"AOMAIN|BMi1|BNi2|BNi3|",
        ),
        (
            m.AcsStatus(
                True, True, True, True, False, True, 300, 3, NOW, "2.00", "MAIN", supported_messages="Y" * 16
            ),
            b"98YYYYNY300003" + NOW.encode() + b"2.00AOMAIN|BX" + b"Y" * 16 + b"|",
        ),
    ],
)
def test_built_by_hand(message: Response, raw: bytes) -> None:
    assert build(message) == raw
    assert parse_response(raw) == message


def test_unknown_codes_are_none() -> None:
    for raw in (b"", b"X", b"77", b"7700000000", b"unknown command", b"941", b"\xff\xff"):
        assert parse_request(raw, STANDARD) is None
    assert parse_response(b"9900302.00", STANDARD) is None


# -- tolerant in: one row a quirk ----------------------------------------------------------------------------

HOLD = m.Hold("+", NOW, institution_id="M", patron_id="p", item_id="i")
TOLERATED: list[tuple[str, str, Request]] = [
    ("A10", f"17{NOW}AOM|ABi|||", m.ItemInformation(NOW, "M", "i")),
    ("B6", "9900302.00AY1", m.ScStatus("0", 30, "2.00")),
    ("B12", "9900302.00|", m.ScStatus("0", 30, "2.00")),
    ("D1", "65AOM|AAp|BON|", m.RenewAll(NONE, "M", "p", fee_acknowledged=False)),
    ("D2 two dates", f"65{NOW}{NOW}AOM|AAp|", m.RenewAll(NOW, "M", "p")),
    ("D2 marker", f"192{NOW}AOM|ABi|", m.ItemStatusUpdate(NOW, "M", "i")),
    (
        "D2 fee",
        f"37{NOW}0100USDAOM|AAp|BKF1|BV0.05|BHUSD|",
        m.FeePaid(NOW, "01", "00", "USD", "0.05", "M", "p", transaction_id="F1", extras=(("BH", "USD"),)),
    ),
    ("D2 no AP", f"09N{NOW}{NOW}AOM|ABi|AC|", m.Checkin(False, NOW, NOW, "", "M", "i")),
    ("D3", f"17001{NOW}AOM|ABi|AC|", m.ItemInformation(NOW, "M", "i", "")),
    ("D4", f"29NN{NOW}AOM|AAp|ABi|", m.Renew(False, False, NOW, NONE, "M", "p", item_id="i")),
    ("D5", f"15+{NOW}|AOM|AAp|ABi|", HOLD),
    ("D6 version", "9900302.0E", m.ScStatus("0", 30, "2.0E")),
    ("D6 blank width", "990 802.00", m.ScStatus("0", 80, "2.00")),
    ("D6 longer", "9900802.13Y", m.ScStatus("0", 80, "2.13")),
    ("D6 no status", "990302.00", m.ScStatus("0", 30, "2.00")),
    ("D7", "9919992.00", m.ScStatus("1", 999, "2.00")),
    ("D8", f"09N{NOW}{NONE}APx|AOM|ABi|AC|", m.Checkin(False, NOW, NONE, "x", "M", "i")),
    ("D9 zeros", "35202601150000101500AOM|AAp|", m.EndPatronSession("202601150000101500", "M", "p")),
    ("D9 Z", "3520260115   Z101500AOM|AAp|", m.EndPatronSession("20260115   Z101500", "M", "p")),
    ("D9 literal", "35YYYYMMDDZZZZHHMMSSAOM|AAp|", m.EndPatronSession(NONE, "M", "p")),
    ("D9 two blanks lost", "3520260115  101500AOM|AAp|", m.EndPatronSession(NOW, "M", "p")),
    ("D9 no zone", "3520260115101500AOM|AAp|", m.EndPatronSession(NOW, "M", "p")),
    ("D9 one digit short", "3520260115    10150AOM|AAp|", m.EndPatronSession(NONE, "M", "p")),
    ("D10", f"23eng{NOW}AOM|AAp|", m.PatronStatusRequest("eng", NOW, "M", "p")),
    ("D10 blank", f"23   {NOW}AOM|AAp|", m.PatronStatusRequest("   ", NOW, "M", "p")),
    ("D11", f"63001{NOW}NNYNNN    AOM|AAp|", m.PatronInformation("001", NOW, "NNYNNN    ", "M", "p")),
    ("D11 short", f"63001{NOW}  YAOM|AAp|", m.PatronInformation("001", NOW, "  Y       ", "M", "p")),
    ("D11 long", f"63001{NOW}  Y         AOM|AAp|", m.PatronInformation("001", NOW, "  Y       ", "M", "p")),
    ("D11 none", f"63001{NOW}", m.PatronInformation("001", NOW, " " * 10)),
    ("D13", f"09Y{NOW}{NOW}AOM|ABi|", m.Checkin(True, NOW, NOW, "", "M", "i")),
    ("D14", "11YN", m.Checkout(True, False, NONE, NONE)),
    ("D14 nothing", "11", m.Checkout(False, False, NONE, NONE)),
    ("D14 only fields", "93CNu|COp|", m.Login(" ", " ", "u", "p")),
    ("E1", f"63001{NOW}{' ' * 10}AAp|", m.PatronInformation("001", NOW, " " * 10, "", "p")),
    ("E2", f"23001{NOW}AOM|AAp|", m.PatronStatusRequest("001", NOW, "M", "p", "", None)),
    ("E3 empty", f"23001{NOW}AOM|AAp|AC|AD|", m.PatronStatusRequest("001", NOW, "M", "p", "", "")),
    ("E4", f"23001{NOW}AAp|AC|ADs|AOM|", m.PatronStatusRequest("001", NOW, "M", "p", "", "s")),
    ("E6", f"35{NOW}AOM|AAp", m.EndPatronSession(NOW, "M", "p")),
    ("E7", f"35{NOW}AOM||AAp||", m.EndPatronSession(NOW, "M", "p")),
    (
        "E8",
        f"17{NOW}ZZs|AOM|XT|ABi|Q1x|",
        m.ItemInformation(NOW, "M", "i", extras=(("ZZ", "s"), ("XT", ""), ("Q1", "x"))),
    ),
    ("E8 unheard of", f"17{NOW}Q7s|AOM|ABi|", m.ItemInformation(NOW, "M", "i", extras=(("Q7", "s"),))),
    ("E9", f"23001{NOW}AOM|AAp|AAq|", m.PatronStatusRequest("001", NOW, "M", "p")),
    (
        "E10",
        f"63001{NOW}{' ' * 10}AO1|AAp|BP|BQ",
        m.PatronInformation("001", NOW, " " * 10, "1", "p", start_item="", end_item=""),
    ),
    ("E12", f"17{NOW}AOM|AB i |", m.ItemInformation(NOW, "M", " i ")),
    (
        "E14",
        f"11YN{NOW}{NONE}AOM|AAp|ABi|AC|BOy|BI|CH|",
        m.Checkout(True, False, NOW, NONE, "M", "p", "i", "", "", None, True, False),
    ),
    (
        "E15",
        f"65{NOW}AOM|AAp|BON|BIN|",
        m.RenewAll(NOW, "M", "p", fee_acknowledged=False, extras=(("BI", "N"),)),
    ),
    (
        "no id of AO, no delimiter",
        f"23012{NOW}LIBRARYAAp|AC|",
        m.PatronStatusRequest("012", NOW, "", "p", ""),
    ),
    ("lower-case flags", f"11yn{NOW}{NOW}AOM|AAp|ABi|", m.Checkout(True, False, NOW, NOW, "M", "p", "i")),
    ("blank flags", f"11  {NOW}{NOW}AOM|AAp|ABi|", m.Checkout(False, False, NOW, NOW, "M", "p", "i")),
    ("hold mode", f"15x{NOW}AOM|AAp|ABi|", msgspec.structs.replace(HOLD, hold_mode="x")),
    (
        "no return date",
        f"09N{NOW}|ABi|AOM|AC|BIN|AP|",
        m.Checkin(False, NOW, NONE, "", "M", "i", "", cancel=False),
    ),
]


@pytest.mark.parametrize(("quirk", "raw", "expected"), TOLERATED, ids=[row[0] for row in TOLERATED])
def test_quirk_is_tolerated(quirk: str, raw: str, expected: Request) -> None:
    assert asked(raw) == expected


@given(st.binary(max_size=200), st.sampled_from([message.code.encode() for message in ALL_MESSAGES]))
def test_any_bytes_parse(raw: bytes, code: bytes) -> None:
    for profile in PROFILES:
        parse_request(code + raw, profile)
        parse_response(code + raw, profile)


@given(st.data())
def test_a_damaged_request_still_parses(data: st.DataObject) -> None:
    raw = bytearray(build(data.draw(strategies.requests())))
    for at in data.draw(st.lists(st.integers(2, len(raw)), max_size=6)):
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.sampled_from([b"", b"|", b"AA", b"\0", b"20260101", b"9"])
        )
    message = parse_request(bytes(raw), STANDARD)
    assert message is not None
    once = build(message)
    again = parse_request(once, STANDARD)
    assert again is not None
    assert build(again) == once


@pytest.mark.parametrize("profile", PROFILES[:5], ids=lambda profile: profile.name)
@pytest.mark.parametrize("raw", [b"zo\xc3\xab", b"zo\xeb", b"\xff\x80\xfe", b"\xe2\x82", b" x "])
def test_c17_aa_echoes_byte_for_byte(profile: Profile, raw: bytes) -> None:
    delimiter = profile.delimiter.encode()
    request = parse_request(b"35" + NOW.encode() + b"AO" + delimiter + b"AA" + raw + delimiter, profile)
    assert isinstance(request, m.EndPatronSession)
    answer = build(m.EndSessionResponse(True, NOW, "", request.patron_id), profile)
    assert answer == b"36Y" + NOW.encode() + b"AO" + delimiter + b"AA" + raw + delimiter


# -- clean out -----------------------------------------------------------------------------------------------


def said(profile: Profile = STANDARD, **values: str) -> bytes:
    """A 36 with one screen message, as bytes."""
    message = m.EndSessionResponse(True, NOW, screen_messages=tuple(values.values()))
    return build(message, profile).split(b"AA" + profile.delimiter.encode(), 1)[1]


@pytest.mark.parametrize(
    ("charset", "text", "raw"),
    [
        ("utf-8", "a|b", b"a b"),
        ("utf-8", "a|b\rc\nd\0e\tf\x7fg", b"a b c d e f g"),
        ("utf-8", "a\x85b\u2028c", b"a b c"),
        ("utf-8", "dû 5 €", "dû 5 €".encode()),
        ("utf-8", "lone \ud800", b"lone ?"),
        ("latin-1", "dû 5 €", b"d\xfb 5 EUR"),
        ("cp850", "dû 5 €", b"d\x96 5 EUR"),
        ("ascii", "Œuvre « dûe » — l’été…", b'OEuvre " due " - l\'ete...'),
        ("ascii", "a\N{NO-BREAK SPACE}b ½ ẞ", b"a b 1/2 SS"),
        ("ascii", "漢", b"?"),
        ("latin-1", unicodedata.normalize("NFD", "Piège"), b"Pi\xe8ge"),
        ("ascii", "\N{FULLWIDTH VERTICAL LINE}x", b" x"),
    ],
)
def test_values_are_made_fit_for_the_wire(charset: str, text: str, raw: bytes) -> None:
    profile = msgspec.convert({"name": "x", "charset": charset}, Profile)
    assert said(profile, text=text) == b"AF" + raw + b"|"


@given(st.text(max_size=400), st.sampled_from(PROFILES))
def test_no_value_breaks_its_frame(text: str, profile: Profile) -> None:
    message = m.CheckoutResponse(
        True,
        True,
        text,
        text,
        NOW,
        text,
        text,
        text,
        text,
        text,
        fee_type=text,
        extras=(("PC", text), (text, text)),
    )
    body = build(message, profile)
    assert not any(byte < 32 or byte == 127 for byte in body.replace(profile.delimiter.encode(), b""))
    head, *_, last = body.split(profile.delimiter.encode())
    assert last == b""
    assert len(body) <= MAX_BODY
    again = parse_response(body, profile)
    assert again is not None
    assert build(again, profile) == body
    assert len(head) >= 26


def test_values_are_cut_at_255_and_screen_messages_split_on_words() -> None:
    message = m.EndSessionResponse(True, NOW, "x" * 300, screen_messages=("word " * 100, "y" * 600))
    found = parse_response(build(message))
    assert isinstance(found, m.EndSessionResponse)
    assert found.institution_id == "x" * 255
    assert [len(line) for line in found.screen_messages] == [254, 245, 255, 255, 90]
    assert " ".join(found.screen_messages[:2]).split() == ["word"] * 100
    assert all(set(line.split()) == {"word"} for line in found.screen_messages[:2])


def test_a_message_stops_adding_list_items_before_8192() -> None:
    items = tuple(f"3100000000{number:04d}" for number in range(2000))
    message = m.PatronInformationResponse(
        " " * 14,
        "000",
        NOW,
        0,
        0,
        2000,
        0,
        0,
        0,
        "M",
        "p",
        "N",
        charged_items=items,
        screen_messages=("Hello",),
        extras=(("PC", "adult"),),
    )
    body = build(message)
    assert MAX_BODY - 60 < len(body) <= MAX_BODY
    found = parse_response(body)
    assert isinstance(found, m.PatronInformationResponse)
    assert found.charged_items == items[: len(found.charged_items)]
    assert found.screen_messages == ("Hello",)
    assert found.charged_items_count == 2000


def test_a_full_message_gives_up_extras_before_list_items_and_lists_before_screen_messages() -> None:
    big = "x" * 250
    message = m.RenewAllResponse(
        True, 20, 0, NOW, "M", (big,) * 20, extras=(("P1", big),) * 20, screen_messages=(big,) * 20
    )
    found = parse_response(build(message))
    assert isinstance(found, m.RenewAllResponse)
    assert len(found.screen_messages) == 20
    assert len(found.renewed_items) == (MAX_BODY - 20 * 253 - 33) // 253
    assert found.extras == ()


def test_a_profile_limits_lists() -> None:
    """Those of 64; the lists of 66 agree with its counts (sip2.md 6.5)."""
    shown = m.PatronInformationResponse(
        " " * 14, "000", NOW, 0, 0, 3, 0, 0, 0, "M", charged_items=("a", "b", "c")
    )
    assert build(shown, Profile(max_list_items=2)).endswith(b"AE|AUa|AUb|")
    assert build(shown, Profile(max_list_items=3)).endswith(b"AE|AUa|AUb|AUc|")
    renewed = m.RenewAllResponse(True, 3, 1, NOW, "M", ("a", "b", "c"), ("d",))
    assert build(renewed, Profile(max_list_items=2)).endswith(b"AOM|BMa|BMb|BMc|BNd|")


def test_extensions_are_sent_when_the_profile_says_so() -> None:
    message = m.CheckinResponse(
        True, True, "N", True, NOW, "M", "i", "A", call_number="QA1", destination="B", alert_type="02"
    )
    assert build(message).endswith(b"AOM|ABi|AQA|")
    assert build(message, Profile(send_extensions=True)).endswith(b"AOM|ABi|AQA|CSQA1|CTB|CV02|")


def test_hidden_fields_are_left_out_last_and_required_ones_emptied() -> None:
    message = m.PatronStatusResponse(
        " " * 14,
        "000",
        NOW,
        "M",
        "p",
        "Dupont",
        True,
        True,
        "EUR",
        "1.00",
        (("PC", "adult"), ("PI", "x")),
        ("Hi",),
    )
    assert build(message, Profile(hide_fields=frozenset({"AE", "BV", "PC", "64.BL"}))).endswith(
        b"AOM|AAp|AE|BLY|CQY|BHEUR|PIx|AFHi|"
    )
    assert build(message, Profile(hide_fields=frozenset({"24.BL", "24.AF"}))).endswith(
        b"AOM|AAp|AEDupont|CQY|BHEUR|BV1.00|PCadult|PIx|"
    )


def test_a_1_00_terminal_gets_no_2_00_fields() -> None:
    status = m.AcsStatus(
        True, True, True, True, False, True, 300, 3, NOW, "1.00", "M", "Lib", "Y" * 16, "desk"
    )
    assert build(status, STANDARD, version_1=True).endswith(b"1.00AOM|AMLib|ANdesk|")
    patron = m.PatronStatusResponse(" " * 14, "000", NOW, "M", "p", "D", True, False, "EUR", "1.00")
    assert build(patron, STANDARD, version_1=True).endswith(b"AOM|AAp|AED|")


def test_ids_that_are_none_are_not_sent() -> None:
    message = m.EndSessionResponse(
        True,
        NOW,
        extras=(("AZ", "x"), ("a1", "x"), ("A|", "x"), ("AAA", "x"), ("", "x"), ("AO", "x"), ("P1", "x")),
    )
    assert build(message).endswith(b"AO|AA|P1x|")


@pytest.mark.parametrize("message", ALL_MESSAGES, ids=lambda message: message.code)
def test_every_message_has_a_builder_in_both_versions(message: type[Message]) -> None:
    values = {slot.name: 0 if slot.form == "count" else "" for slot in layout_of(message).slots}
    for version_1 in (False, True):
        body = build(message(**values), STANDARD, version_1)
        assert body[:2].decode() == message.code
        assert len(body) >= layout_of(message).width
