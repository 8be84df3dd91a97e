"""Nothing secret ever, nothing personal by default, in messages and in raw bytes of any shape (house rule 8;
peers 1).
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.wire import messages as m
from sip2d.wire.codec import build
from sip2d.wire.redact import MASK, mask_barcode, redact_frame, redacted, without_secrets
from tests.wire import strategies

NOW = "20260115    101500"


@pytest.mark.parametrize(
    ("code", "masked"), [("21000000004821", "…4821"), ("12345", "…2345"), ("1234", "…"), ("1", "…"), ("", "")]
)
def test_a_barcode_keeps_its_last_four(code: str, masked: str) -> None:
    assert mask_barcode(code) == masked


def test_a_message_is_masked_by_field() -> None:
    message = m.PatronInformation(
        "001",
        NOW,
        " " * 10,
        "MAIN",
        "21000000004821",
        "t0psecret",
        "6789",
        "1",
        extras=(("PB", "19700101"), ("ZZ", "x"), ("CO", "pw")),
    )
    shown = redacted(message)
    assert shown["patron_id"] == "…4821"
    assert shown["terminal_password"] == shown["patron_password"] == MASK
    assert shown["institution_id"] == "MAIN"
    assert shown["extras"] == (("PB", MASK), ("ZZ", "x"), ("CO", MASK))
    assert without_secrets(message)["patron_id"] == "21000000004821"
    answer = m.PatronInformationResponse(
        " " * 14,
        "001",
        NOW,
        0,
        0,
        1,
        0,
        0,
        0,
        "M",
        "21000000004821",
        "Dupont",
        email="a@b.fr",
        charged_items=("31000000000011",),
    )
    shown = redacted(answer)
    assert (shown["personal_name"], shown["email"], shown["charged_items"]) == (MASK, MASK, ("…0011",))


@pytest.mark.parametrize(
    ("frame", "shown"),
    [
        (f"23001{NOW}AOM|AA21000000004821|ACt0psecret|ADhush|", f"23001{NOW}AOM|AA…4821|AC***|AD***|"),
        (f"23001{NOW}AA21000000004821|ADhush|AOM|", f"23001{NOW}AA…4821|AD***|AOM|"),
        ("9300CNkiosk|COhush|CPdesk|AY1AZ0000", "9300CNkiosk|CO***|CPdesk|AY1AZ0000"),
        ("9300COhush", "9300CO***"),
        ("93COhush", "93CO***"),
        ("COhush", "CO***"),
        ("XXADhush", "XXAD***"),
        (f"23001{NOW}AOM|AA1234ADhush|", f"23001{NOW}AOM|AA…D***|"),  # a delimiter forgotten
        ("23^ADhush^AA1", "23^AD***"),  # another delimiter
        ("23|||ADhush", "23|||AD***"),
        ("23| ADhush|", "23| AD***|"),
        ("63\x00\x07x|AD|", "63\\x00\\x07x|AD|"),
        (
            f"24{' ' * 14}001{NOW}AOM|AA21000000004821|AEDupont|AFCATALOG COOK|",
            f"24{' ' * 14}001{NOW}AOM|AA…4821|AE***|AFCATALOG COOK|",
        ),
        ("", ""),
    ],
)
def test_raw_bytes_are_masked_whatever_their_shape(frame: str, shown: str) -> None:
    assert redact_frame(frame.encode()) == shown


def test_personal_data_may_be_asked_for_secrets_not() -> None:
    assert redact_frame(b"23x|AA21000000004821|ADhush|", personal=False) == "23x|AA21000000004821|AD***|"


@given(st.binary(max_size=120), st.sampled_from([b"AC", b"AD", b"CO"]), st.binary(max_size=40))
def test_no_secret_of_a_request_survives(before: bytes, field: bytes, after: bytes) -> None:
    frame = b"23" + before + b"|" + field + b"hush-9173" + after
    assert "hush-9173" not in redact_frame(frame)
    assert "hush-9173" not in redact_frame(frame.replace(b"|", b""))
    assert "hush-9173" not in redact_frame(b"99" + before + field + b"hush-9173" + after, delimiter="^")


@given(st.data())
def test_a_built_request_and_its_frame_show_no_secret(data: st.DataObject) -> None:
    secret = "hush9173"
    request = m.Checkout(
        True,
        False,
        NOW,
        NOW,
        data.draw(strategies.texts()),
        "p",
        "i",
        secret,
        None,
        secret,
        None,
        None,
        data.draw(st.sampled_from([(), (("CO", secret),)])),
    )
    assert secret in build(request).decode()
    assert secret not in redact_frame(build(request))
    assert secret not in repr(request)
    assert secret not in str(redacted(request))
