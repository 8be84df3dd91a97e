"""PyPI ``pysip2`` 0.1.0, a strict codec of somebody else's, decodes all that we send (issue 8.2)."""

import pytest
from pysip2.codec import decode_message
from pysip2.models import MESSAGE_SPECS_BY_ID
from sqlalchemy import Connection, update

from sip2d.store import tables
from sip2d.wire.frame import seal
from tests.machine.hall import LOGGED_IN, LOGIN, PINS, Hall, Line

D = "20260309    101500"
B = " " * 18
PIN = PINS["P1"]
DIALOGUE = (
    ("93", f"9300CN{LOGIN[0]}|COwrong|"),
    ("93", f"9300CN{LOGIN[0]}|CO{LOGIN[1]}|CPCENTRAL|"),
    ("99", "9900802.00"),
    ("23", f"23001{D}AOMAIN|AAP1|AC|AD{PIN}|"),
    ("23", f"23001{D}AOMAIN|AAnobody|AC|AD|"),
    ("63", f"63001{D}{' ' * 10}AOMAIN|AAP1|AC|AD{PIN}|"),
    ("63", f"63002{D}{' ' * 10}AOMAIN|AAnobody|AC|AD|"),
    ("63", f"63001{D}{' ' * 10}AOMAIN|AAP1|AC|ADwrong|"),
    ("11", f"11YN{D}{B}AOMAIN|AAP1|ABI1|AC|"),
    ("11", f"11YN{D}{B}AOMAIN|AAP1|ABI-DVD|AC|"),
    ("11", f"11YN{D}{B}AOMAIN|AAP1|ABI-DVD|AC|BOY|"),
    ("11", f"11YN{D}{B}AOMAIN|AAP-EXPIRED|ABI3|AC|"),
    ("11", f"11YN{D}{B}AOMAIN|AAP1|ABnone|AC|"),
    ("15", f"15+{D}AOMAIN|AAP2|ABI1|"),
    ("15", f"15-{D}AOMAIN|AAP2|ABI3|"),
    ("17", f"17{D}AOMAIN|ABI1|"),
    ("17", f"17{D}AOMAIN|ABnone|"),
    ("19", f"19{D}AOMAIN|ABI1|CHcreased|"),
    ("29", f"29NN{D}{B}AOMAIN|AAP1|ABI-DVD|"),
    ("29", f"29NN{D}{B}AOMAIN|AAP1|ABI1|"),
    ("65", f"65{D}AOMAIN|AAP1|BOY|"),
    *(("63", f"63001{D}{(' ' * n + 'Y').ljust(10)}AOMAIN|AAP1|") for n in range(6)),
    ("37", f"37{D}0100EURBV1.00|AOMAIN|AAP1|BKpaid-1|"),
    ("37", f"37{D}0100EURBV99.00|AOMAIN|AAP1|"),
    ("09", f"09N{D}{D}APCENTRAL|AOMAIN|ABI1|AC|"),
    ("09", f"09N{D}{D}APCENTRAL|AOMAIN|ABnone|AC|"),
    ("01", f"01N{D}AOMAIN|ALlost|AAP2|AC|"),
    ("25", f"25{D}AOMAIN|AAP2|"),
    ("25", f"25{D}AOMAIN|AAnobody|"),
    ("35", f"35{D}AOMAIN|AAP1|"),
    ("97", "97"),
)
"""A visit that makes every message say yes and no."""


def _replies(hall: Hall, line: Line, charset: str) -> list[tuple[str, bytes]]:
    out = []
    for number, (code, frame) in enumerate(DIALOGUE):
        hall.advance(1)
        sequence = None if code == "97" else b"%d" % (number % 10)
        for request in (seal(frame.encode(charset), sequence, True), frame.encode(charset) + b"\r"):
            (answer,) = line.send(request)
            out.append((frame, answer))
    return out


PROFILES = {
    "standard": "utf-8",
    "extended": "utf-8",
    "e-content-verifier": "utf-8",
    "evergreen-like": "ascii",
}
"""Those whose answers end in CR, which is all it reads, and their charsets."""


@pytest.mark.parametrize(("profile", "charset"), PROFILES.items())
def test_what_we_send_is_understood(hall: Hall, profile: str, charset: str) -> None:
    def accents(core: Connection) -> None:
        core.execute(update(tables.title).where(tables.title.c.number == "T1").values(title="Été à la mer"))

    hall.staff(accents)
    hall.dialect("login-central", profile)
    seen = set()
    for frame, answer in _replies(hall, hall.connect(LOGGED_IN), charset):
        decoded = decode_message(answer, encoding=charset)
        seen.add(answer[:2].decode())
        assert (decoded.checksum is None) == (b"AZ" not in answer[-7:]), frame
    responses = {"24", "12", "10", "98", "94", "64", "36", "38", "18", "20", "26", "16", "30", "66"}
    assert seen == responses


def test_a_request_for_resend_is_understood(hall: Hall) -> None:
    (answer,) = hall.connect().send(b"9900802.00AY1AZ0000\r")
    assert type(decode_message(answer).message).__name__ == type_of("96")


def type_of(code: str) -> str:
    """The name of their class for a code."""
    name: str = MESSAGE_SPECS_BY_ID[code].struct_type.__name__
    return name
