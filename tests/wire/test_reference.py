"""The reference is printed from the classes: what stands there is what is parsed."""

import pytest

from sip2d.wire.layout import ALL_MESSAGES, FIELD_IDS, layout_of
from sip2d.wire.reference import explain


def test_the_overview_names_all_pairs() -> None:
    text = explain()
    for line in ("11 Checkout ", "12 Checkout Response", "99 SC Status", "98 ACS Status"):
        assert line in text


@pytest.mark.parametrize("message", ALL_MESSAGES, ids=lambda message: message.code)
def test_every_message_is_explained(message: type) -> None:
    layout = layout_of(message)
    text = explain(layout.code)
    assert text.startswith(f"{layout.code} ")
    for slot in layout.slots:
        assert f"  {slot.offset:>6} {slot.width:>5}  " in text
    for ident in layout.idents:
        assert f"\n  {ident.id}  {ident.caption}" in text


def test_one_message_by_hand() -> None:
    text = explain("63")
    assert "Fixed block: 33 characters" in text
    assert "Answered by 64 Patron Information Response; position 7 of BX." in text
    assert "      23    10  summary" in text


@pytest.mark.parametrize("field", sorted(FIELD_IDS))
def test_every_field_is_explained(field: str) -> None:
    assert explain(field.lower()).startswith(f"{field} ")
    assert "Carried by" in explain(field)


def test_a_secret_is_said_to_be_one() -> None:
    assert "secret" in explain("AD")
    assert "extension" in explain("CV")
    assert "1.00" in explain("BX")


@pytest.mark.parametrize("topic", ["02", "Q1", "hello"])
def test_what_does_not_exist_is_said_so(topic: str) -> None:
    with pytest.raises(ValueError, match="neither a message code such as 63 nor a field such as AA"):
        explain(topic)
