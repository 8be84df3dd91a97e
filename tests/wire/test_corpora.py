"""The corpora of the standard, read where they lie (issue: the wire): what real systems wrote is parsed,
checked and built again.

The only tests that may be skipped; the other files of this room cover the same ground with vectors of their
own.
"""

import json
from collections import Counter
from typing import Any

import pytest

from sip2d.wire.charset import encode
from sip2d.wire.codec import build, parse_request, parse_response
from sip2d.wire.frame import Framer, Trailer, seal, split_trailer, verify
from sip2d.wire.layout import EXTENSION_IDS, Ident, layout_of
from sip2d.wire.messages import REQUEST_BY_CODE, Message, RequestScResend
from sip2d.wire.profile import Profile
from tests.support.places import SPEC, SPEC_ABSENT

pytestmark = pytest.mark.skipif(not SPEC.is_dir(), reason=SPEC_ABSENT)
# The extensions are in the corpus; the standard profile would leave them out.
EVERYTHING = Profile(send_extensions=True)
CARET = Profile(send_extensions=True, delimiter="^")


def lines(name: str) -> list[dict[str, Any]]:
    """One object a line; none on a machine without the corpora."""
    file = SPEC / name
    return (
        [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []
    )


SAMPLES = lines("sip2-samples.jsonl")
REQUESTS = lines("client-requests.jsonl")


def dialect(sample: dict[str, Any]) -> Profile:
    """Some systems were captured with ``^`` for a delimiter."""
    return CARET if "^" in sample["raw"] and "|" not in sample["raw"] else EVERYTHING


def read(sample: dict[str, Any], body: bytes) -> Message | None:
    """The message, on the side the sample is of."""
    reader = parse_request if sample["kind"] == "request" else parse_response
    return reader(body, dialect(sample))


def parse(sample: dict[str, Any]) -> tuple[Message | None, bytes, Trailer | None]:
    """The message, and what it was parsed from."""
    body, trailer = split_trailer(sample["raw"].encode(), dialect(sample).delimiter.encode())
    return read(sample, body), body, trailer


def check_values(sample: dict[str, Any], message: Message) -> None:
    """Every field behind the first delimiter is in the message as it came; the first of a repeated one."""
    delimiter = dialect(sample).delimiter
    body, _ = split_trailer(sample["raw"].encode())
    pieces = body.decode().split(delimiter)[1:]
    carried = {piece[:2]: piece[2:] for piece in reversed(pieces)}
    for field in layout_of(type(message)).idents:
        if field.form == "text" and field.id in carried:
            assert getattr(message, field.name) == carried[field.id], (sample["raw"], field.id)
        if field.form == "lines":
            found = [piece[2:] for piece in pieces if piece[:2] == field.id]
            assert list(getattr(message, field.name))[-len(found) or None :] == found or not found


def test_every_sample_parses_on_its_side() -> None:
    assert len(SAMPLES) == 341
    for sample in SAMPLES:
        message, _, _ = parse(sample)
        assert message is not None, sample["raw"]
        assert message.code == sample["code"]


def test_checksum_verdicts_agree() -> None:
    seen: Counter[str] = Counter()
    for sample in SAMPLES:
        _, _, trailer = parse(sample)
        if sample.get("checksum") is None:
            assert trailer is None, sample["raw"]
            seen["none"] += 1
        elif trailer is None:
            # No four hex digits: a placeholder, which is no error detection.
            assert not sample["checksum_valid"], sample["raw"]
            seen["placeholder"] += 1
        else:
            valid = verify(trailer, codepoints=False)
            over_code_points = verify(trailer) and not valid
            assert valid == sample["checksum_valid"], sample["raw"]
            assert over_code_points == (sample["checksum_ok_in"] == ["code-points"]), sample["raw"]
            if sample.get("seq") is not None:
                assert trailer.sequence == sample["seq"].encode()
            seen["valid" if valid else "code points" if over_code_points else "wrong"] += 1
    assert (seen["valid"], seen["code points"]) == (125, 1)


def canonical(message: Message, sample: dict[str, Any], body: bytes) -> bool:
    """Whether we would have written it like this: P's order, every required field, digits padded."""
    wanted: list[str] = []
    for field in layout_of(type(message)).order:
        if field is None:
            wanted += [key for key, _ in message.extras]  # type: ignore[attr-defined]  # no message with fields lacks it
        elif isinstance(field, Ident):
            value = getattr(message, field.name)
            wanted += [field.id] * (len(value) if field.form == "lines" else value is not None)
    # Counts written with blanks or without zeros are the same values.
    odd = [
        field
        for field in layout_of(type(message)).order
        if field is not None and field.form == "count" and not _padded(message, field.name, body)
    ]
    return wanted == sample["fields"] and not odd


def _padded(message: Message, name: str, body: bytes) -> bool:
    for field in layout_of(type(message)).order:
        if field is not None and field.name == name:
            if isinstance(field, Ident):
                value = getattr(message, name)
                return value is None or f"{field.id}{value:04d}".encode() in body
            raw = body[field.offset : field.offset + field.width]
            return raw.isdigit() or not raw.strip()
    raise AssertionError(name)


def test_samples_without_issues_round_trip() -> None:
    exact = 0
    for sample in SAMPLES:
        if sample["issues"]:
            continue
        message, body, trailer = parse(sample)
        assert message is not None
        built = build(message, dialect(sample))
        assert read(sample, built) == message
        check_values(sample, message)
        if canonical(message, sample, body):
            assert built == body
            if trailer is not None:
                assert seal(built, trailer.sequence, True, b"") == sample["raw"].encode()
            exact += 1
    assert exact >= 150, exact


@pytest.mark.parametrize(
    "issue",
    [
        "checksum-mismatch",
        "checksum-code-points",
        "fixed-block-mismatch",
        "empty-field",
        "no-final-delimiter",
        "no-id",
        "missing",
    ],
)
def test_each_kind_of_issue_is_tolerated(issue: str) -> None:
    found = [sample for sample in SAMPLES if any(kind.split(":")[0] == issue for kind in sample["issues"])]
    assert found
    for sample in found:
        message, _, _ = parse(sample)
        assert message is not None
        check_values(sample, message)


def test_every_client_request_is_one_request_of_its_code() -> None:
    assert len(REQUESTS) == 420
    for request in REQUESTS:
        frames = Framer().feed(encode(request["raw"], "utf-8"))
        assert len(frames) == 1, request
        body, trailer = split_trailer(frames[0])
        message = parse_request(body)
        assert message is not None
        assert message.code == request["code"]
        assert type(message) is REQUEST_BY_CODE[request["code"]]
        if trailer is not None:
            assert verify(trailer), request


NAMES = {"AA": "patron_id", "AB": "item_id", "AD": "patron_password", "AO": "institution_id"}


def test_client_requests_name_patron_and_item() -> None:
    """Wherever a client wrote AA, AB or AD, they are found, however odd the rest."""
    for request in REQUESTS:
        body, _ = split_trailer(request["raw"].strip("\r\n").encode())
        message = parse_request(body)
        for field_id, name in NAMES.items():
            later = [part[2:] for part in body.decode().split("|")[1:] if part[:2] == field_id]
            if later and hasattr(message, name):
                assert getattr(message, name) == later[0], request


def test_resend_is_exact() -> None:
    assert seal(build(RequestScResend()), None, True, b"") == b"96AZFEF6"
    assert "CV" in EXTENSION_IDS
