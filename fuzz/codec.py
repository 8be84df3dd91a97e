"""Invariant: any bytes parse without an exception, and what is built from what was parsed parses to something
that builds the same.

What is built is never above the limit and holds no control characters; what a log shows of it never raises.
"""

from collections.abc import Iterator

from fuzz.corpora import frames as corpus_frames
from sip2d.wire.building import MAX_BODY
from sip2d.wire.codec import build, parse_request, parse_response
from sip2d.wire.frame import split_trailer
from sip2d.wire.messages import Message
from sip2d.wire.profile import STANDARD, Profile
from sip2d.wire.redact import redact_frame

SEEDS: list[bytes] = [
    b"9300CNkiosk|COpw|CPdesk|",
    b"9900302.00",
    b"2300120260101    120000AOM|AAp1|AC|AD1234|",
    b"6300120260101    120000  Y       AOM|AAp1|AC|AD1234|BP1|BQ5|",
    b"11YN20260101    120000                  AOM|AAp1|ABi1|AC|BON|BIN|",
    b"09N20260101    12000020260101    120000APM|AOM|ABi1|AC|",
    b"15+20260101    120000|BW20260301    000000|BSM|BY2|AOM|AAp1|ABi1|",
    b"29NN20260101    120000AOM|AAp1|ABi1|",
    b"65AOM|AAp1|BON|",
    b"3720260101    1200000100EURBV0,01|AOM|AAp1|CGf1|BKt1|",
    b"1900120260101    120000AOM|ABi1|CHx|",
    b"121NNY20260101    120000AOM|AAp1|ABi1|AJT\xc3\xa9|AH2026-02-01|CK001|AFa|AFb|AG|",
    b"101YNY20260101    120000AOM|ABi1|AQM|CV02|CTB|CLbin|PCx|",
    b"64"
    + b" " * 14
    + b"00120260101    120000"
    + b"0001" * 6
    + b"AOM|AAp1|AEN|BZ0010|BLY|CQN|ASi1|AUi2|AFx|",
    b"98YYYYNY30000320260101    1200002.00AOM|BXYYYYYYYYYYYYYYYY|",
]
PROFILES = (
    STANDARD,
    Profile(name="extended", send_extensions=True, max_list_items=2, hide_fields=frozenset({"AE", "64.BL"})),
    Profile(name="cp850", charset="cp850", delimiter="^"),
    Profile(name="ascii", charset="ascii"),
    Profile(name="latin", charset="latin-1"),
)


def corpus_seeds() -> Iterator[bytes]:
    """Real messages, where they are at hand, without trailer."""
    return (split_trailer(frame.rstrip(b"\r\n"))[0] for frame in corpus_frames())


def one_input(data: bytes) -> None:
    """Checks the invariant on one body, in every dialect and both directions."""
    redact_frame(data)
    for profile in PROFILES:
        for message in (parse_request(data, profile), parse_response(data, profile)):
            if message is not None:
                _check(message, profile)


def _check(message: Message, profile: Profile) -> None:
    body = build(message, profile)
    assert len(body) <= MAX_BODY
    assert not any(byte < 0x20 or byte == 0x7F for byte in body)
    again = parse_request(body, profile) or parse_response(body, profile)
    assert again is not None
    assert type(again) is type(message)
    assert build(again, profile) == body
    build(message, profile, version_1=True)
    repr(message)
