"""Codes, dates and texts of bytes that are no UTF-8 get the answer of any other that nobody knows, from every
message (quirks C17): nothing fails, nothing is lost, and what is kept of them is spelt out."""

import asyncio
from pathlib import Path

import pytest

from sip2d.store import tables
from tests.daemon.assembled import Assembled, assembled, terminal
from tests.support.databases import Databases
from tests.support.kiosk import Kiosk

PLACE = "127.0.1.9"
CODE = b"x\xff\xfey"
SPELT = r"x\udcff\udcfey"
AT = b"20260309    101500"
ODD = b"20260309\xff\xfe\xfd\xfc101500"
NEVER = b" " * 18
REQUESTS = {
    "23": b"23001" + AT + b"AOMAIN|AA#|AC|",
    "63": b"63001" + AT + b"  Y       AOMAIN|AA#|AC|",
    "11": b"11YN" + AT + NEVER + b"AOMAIN|AA#|AB#|AC|",
    "11 item": b"11YN" + AT + NEVER + b"AOMAIN|AAP1|AB#|AC|CH#|",
    "11 stored": b"11YY" + AT + AT + b"AOMAIN|AA#|AB#|AC|",
    "11 texts": b"11YN" + AT + NEVER + b"AO#|AAP1|ABI1|AC#|CH#|ZZ#|",
    "11 date": b"11YN" + ODD + NEVER + b"AOMAIN|AAP1|ABI1|AC|",
    "09": b"09N" + AT + AT + b"AP#|AOMAIN|AB#|AC|CH#|",
    "09 item": b"09N" + AT + AT + b"AP#|AO#|ABI1|AC#|CH#|",
    "09 stored": b"09Y" + AT + AT + b"AP#|AOMAIN|AB#|AC|",
    "29": b"29YN" + AT + NEVER + b"AOMAIN|AA#|AB#|AC|",
    "29 title": b"29YN" + AT + NEVER + b"AOMAIN|AAP1|AJ#|AC|",
    "29 stored": b"29YY" + AT + AT + b"AOMAIN|AA#|AB#|AC|",
    "65": b"65" + AT + b"AOMAIN|AA#|AC|",
    "15": b"15+" + AT + b"BW" + AT + b"|BS#|AOMAIN|AA#|AJ#|AC|",
    "15 place": b"15+" + AT + b"BS#|AOMAIN|AAP1|ABI1|AC|",
    "15 title": b"15+" + AT + b"BSMAIN|AOMAIN|AAP1|AJ#|AC|",
    "15 cancel": b"15-" + AT + b"AOMAIN|AAP1|AB#|AJ#|AC|",
    "35": b"35" + AT + b"AOMAIN|AA#|AC|",
    "37": b"37" + AT + b"0100EURBV1.00|AOMAIN|AA#|CG#|BK#|",
    "37 payment": b"37" + AT + b"0100EURBV1.00|AOMAIN|AAP1|BK#|",
    "37 fee": b"37" + AT + b"0100EURBV1.00|AOMAIN|AAP1|CG#|BK#|",
    "17": b"17" + AT + b"AOMAIN|AB#|AC#|",
    "19": b"19" + AT + b"AOMAIN|AB#|CH#|",
    "19 text": b"19" + AT + b"AOMAIN|ABI1|CH#|",
    "01": b"01Y" + AT + b"AOMAIN|AL#|AA#|AC|",
    "01 text": b"01Y" + AT + b"AOMAIN|AL#|AAP2|AC|",
    "25": b"25" + AT + b"AOMAIN|AA#|AC|",
}


@pytest.mark.parametrize("bulk", [False, True], ids=["kiosk", "bulk"])
async def test_what_is_no_text_is_answered_like_what_nobody_knows(
    tmp_path: Path, databases: Databases, capsys: pytest.CaptureFixture[str], bulk: bool
) -> None:
    rows = [terminal("kiosk", f"{PLACE}/32", purpose="bulk" if bulk else None)]
    async with assembled(
        tmp_path, databases, [{"name": "plain"}], rows, logging={"access": str(tmp_path / "access.log")}
    ) as daemon:
        answers = await asyncio.to_thread(asked, daemon)
        late = await daemon.rows(tables.offline_exception)
        blocks = await daemon.rows(tables.user_block)
        items = await daemon.rows(tables.item)
    for name, answer in answers.items():
        assert answer[:2].decode() == f"{int(name[:2]) + 1:02d}".replace("02", "24"), (name, answer)
        assert b"unavailable" not in answer, name
        if b"AA#" in REQUESTS[name] and name != "65":  # a 66 names nobody
            assert CODE in answer, name  # echoed byte for byte
    assert "exchange.fault" not in capsys.readouterr().out
    stored = set() if bulk else {("", SPELT), (SPELT, SPELT)}  # a bulk terminal stores nothing
    assert {(row["patron_barcode"], row["item_barcode"]) for row in late} == stored
    assert [row["reason"] for row in blocks if row["origin"] == "SIP2"] == [SPELT]
    assert [row["properties"] for row in items if row["barcode"] == "I1"] == [SPELT]


def asked(daemon: Assembled) -> dict[str, bytes]:
    with Kiosk(daemon.address("plain"), PLACE) as kiosk:
        answers = {}
        for name, request in REQUESTS.items():
            kiosk.send_raw(request.replace(b"#", CODE) + b"\r")
            answers[name] = kiosk.frame()
        return answers
