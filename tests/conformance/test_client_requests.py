"""Every request that 27 real clients sent gets exactly one answer, of its own code (issue 2.2, 8.2)."""

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from sip2d.wire.frame import checksum, split_trailer
from sip2d.wire.messages import REQUEST_BY_CODE
from tests.machine.hall import Hall

ANSWERS = {
    code: message.answer.code for code, message in REQUEST_BY_CODE.items() if message.answer is not None
}


def sent_by_clients(spec: Path) -> dict[str, list[dict[str, Any]]]:
    rows = [json.loads(line) for line in (spec / "client-requests.jsonl").read_text("utf-8").splitlines()]
    return {client: list(of) for client, of in groupby(rows, key=lambda row: row["client"])}


def test_one_answer_of_its_own_code(hall: Hall, spec: Path) -> None:
    played = 0
    for client, rows in sent_by_clients(spec).items():
        line = hall.connect()
        said = b""
        for row in rows:
            played += 1
            raw = row["raw"].encode() if row["raw"].endswith(("\r", "\n")) else row["raw"].encode() + b"\r"
            replies = line.send(raw)
            assert len(replies) == 1, (client, row["raw"], replies)
            (answer,) = replies
            if row["code"] == "97":
                assert answer == said or answer[:2] == b"96", (client, answer)
            else:
                assert answer[:2].decode() == ANSWERS[row["code"]], (client, row["raw"], answer)
                _trailer(raw, answer)
            said = answer
            if line.closed:  # a client that logs in wrongly again and again
                line = hall.connect()
                said = b""
        line.hang_up()
    assert played >= 400


def _trailer(request: bytes, answer: bytes) -> None:
    """Error detection as in the request, AY echoed, over bytes."""
    _, asked = split_trailer(request.strip(b"\r\n"))
    _, given = split_trailer(answer.rstrip(b"\r\n"))
    assert (asked is None) == (given is None), (request, answer)
    if asked is not None and given is not None:
        assert given.sequence == asked.sequence
        assert given.checksum == checksum(given.covered)


@pytest.mark.parametrize("code", sorted(ANSWERS))
def test_every_code_is_among_them(code: str, spec: Path) -> None:
    assert any(row["code"] == code for rows in sent_by_clients(spec).values() for row in rows)
