"""Screen texts of an institution (SP-9): customised, silent, reset; unknown placeholders are refused."""

import pytest

from sip2d.desk.staff import texts
from sip2d.desk.staff.work import Denied, Refused
from tests.desk.staff.office import CLERK, Office
from tests.support.desks import Room

DEFAULTS = {
    "en": {"LOAN_LIMIT": "Loan limit reached.", "PATRON_EXPIRED": "Expired."},
    "fr": {"LOAN_LIMIT": "Limite de prêts atteinte."},
}


def test_a_text_is_customised_for_one_institution_and_language(room: Room) -> None:
    """Live in the library of the next epoch, and nowhere else than where it was said."""
    office = Office(room)
    before = office.library.epoch
    said = office.do(lambda work: texts.change(work, DEFAULTS, "loan_limit", "Enough: {limit}.", "MAIN"))
    assert said == {"institution": "MAIN", "scenario": "LOAN_LIMIT", "language": "en",
                    "text": "Enough: {limit}.", "state": "customised"}  # fmt: skip
    library = office.library
    assert library.epoch > before
    assert library.texts == {(room.world.institutions["MAIN"], "LOAN_LIMIT", "en"): "Enough: {limit}."}
    assert office.audited == [("boss", "custom_message", "set")]
    shown = office.see(lambda work: texts.show(work, DEFAULTS, "LOAN_LIMIT", "MAIN"))
    assert [(row["language"], row["text"], row["state"], row["default"]) for row in shown] == [
        ("en", "Enough: {limit}.", "customised", "Loan limit reached."),
        ("fr", "Limite de prêts atteinte.", "not customised", "Limite de prêts atteinte."),
    ]
    others = office.see(lambda work: texts.listing(work, DEFAULTS, "OTHER", customised=True))
    assert others == []


def test_an_empty_text_is_silence_and_not_the_default(room: Room) -> None:
    office = Office(room)
    office.do(lambda work: texts.change(work, DEFAULTS, "LOAN_LIMIT", "  ", "MAIN", language="fr"))
    assert office.library.texts == {(room.world.institutions["MAIN"], "LOAN_LIMIT", "fr"): ""}
    [row] = office.see(lambda work: texts.listing(work, DEFAULTS, "MAIN", language="fr", customised=True))
    assert (row["text"], row["state"]) == ("", "customised")


def test_the_list_has_every_scenario_once(room: Room) -> None:
    rows = Office(room).see(lambda work: texts.listing(work, DEFAULTS, "MAIN", language="fr"))
    assert [(row["scenario"], row["text"]) for row in rows] == [
        ("LOAN_LIMIT", "Limite de prêts atteinte."),
        ("PATRON_EXPIRED", None),
    ]


@pytest.mark.parametrize(("language", "left"), [(None, 0), ("en", 1)])
def test_reset_goes_back_to_the_default(room: Room, language: str | None, left: int) -> None:
    """In one language or in all, audited for each text that was there."""
    office = Office(room)
    for spoken in DEFAULTS:
        office.do(
            lambda work, spoken=spoken: texts.change(  # type: ignore[misc]  # a loop's lambda
                work, DEFAULTS, "LOAN_LIMIT", "Other", "MAIN", language=spoken
            )
        )
    rows = office.do(lambda work: texts.reset(work, DEFAULTS, "LOAN_LIMIT", "MAIN", language=language))
    assert sum(row["state"] == "customised" for row in rows) == left == len(office.library.texts)
    assert office.audited.count(("boss", "custom_message", "reset")) == 2 - left


def test_the_same_text_again_changes_nothing(room: Room) -> None:
    office = Office(room)
    office.do(lambda work: texts.change(work, DEFAULTS, "LOAN_LIMIT", "Enough", "MAIN"))
    before = (office.library.epoch, len(office.audited))
    office.do(lambda work: texts.change(work, DEFAULTS, "LOAN_LIMIT", "Enough", "MAIN"))
    assert (office.library.epoch, len(office.audited)) == before


@pytest.mark.parametrize(
    ("scenario", "text", "language", "said"),
    [
        ("LOAN_LIMIT", "You have {cuont}", None, "{cuont}"),
        ("LOAN_LIMIT", "You have {limit", None, "brace"),
        ("LOAN_LIMITS", "Text", None, "did you mean 'LOAN_LIMIT'"),
        ("LOAN_LIMIT", "Text", "de", "only in en, fr"),
    ],
)
def test_what_cannot_be_said_is_refused(
    room: Room, scenario: str, text: str, language: str | None, said: str
) -> None:
    office = Office(room)
    with pytest.raises(Refused, match=said):
        office.do(lambda work: texts.change(work, DEFAULTS, scenario, text, "MAIN", language=language))
    assert office.library.texts == {}
    assert office.audited == []


def test_a_clerk_reads_but_does_not_write(room: Room) -> None:
    """GN-8."""
    clerk = Office(room, CLERK)
    assert clerk.see(lambda work: texts.listing(work, DEFAULTS, "MAIN"))
    with pytest.raises(Denied):
        clerk.do(lambda work: texts.change(work, DEFAULTS, "LOAN_LIMIT", "x", "MAIN"))
    with pytest.raises(Denied):
        clerk.do(lambda work: texts.reset(work, DEFAULTS, "LOAN_LIMIT", "MAIN"))
