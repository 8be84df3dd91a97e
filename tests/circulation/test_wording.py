"""Screen texts: completeness, placeholders, languages, values, narrow screens (SP-9, SP-30)."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.circulation.wording import Catalogue, Wording, split
from sip2d.policy.calendar import Calendar
from sip2d.policy.decision import Action, Reason
from sip2d.policy.rulebook import RULES
from sip2d.policy.texts import PLACEHOLDERS, check_text
from sip2d.store.library import Branch, BranchSip2, Institution
from tests.policy.make import PATRON
from tests.support.places import ROOT

PARIS = ZoneInfo("Europe/Paris")
CATALOGUE = Catalogue.shipped()
INSTITUTION = Institution(1, "INST1", "Ville", PARIS, "EUR", 2, "fr", None, 0, True, {})
SIP2 = BranchSip2(
    configured=True, preset=None, retries_allowed=3, timeout_seconds=15, idle_timeout_seconds=600,
    send_personal_data=False, available_hold_allowed=False, use_sort_bin=False, terminal_location="",
    library_name="", max_print_width=0, language=None, profile=None, encoding=None, line_terminator=None,
    error_detection=None, valid_patron=None, renewal_branch=False, due_receipt_enabled=False,
    allow_empty_pins=False, enforce_institution=False, support={},
)  # fmt: skip

SILENT = {
    "ALREADY_APPLIED", "HOLD_CONFLICT", "IMPLICIT_RETURN", "NEWER_LOAN", "NEWER_TRANSACTION", "NOT_ON_LOAN",
    "RETURNED_SINCE", "RETURN_BEFORE_LOAN", "SHORTENED", "STALE",
}  # fmt: skip
"""Notes for the staff's records; a patron is told nothing."""


class At(msgspec.Struct, frozen=True):
    """Where a text is shown."""

    institution: Institution
    branch: Branch

    @property
    def width(self) -> int:
        """As of the branch."""
        return self.branch.sip2.max_print_width


def at(width: int = 0, branch_language: str | None = None, language: str = "fr", decimals: int = 2) -> At:
    replace = msgspec.structs.replace
    sip2 = replace(SIP2, max_print_width=width, language=branch_language)
    branch = Branch(1, 1, "MAIN", "Centrale", PARIS, True, Calendar(PARIS), sip2)
    return At(replace(INSTITUTION, language=language, decimals=decimals), branch)


def reason(scenario: str, **values: object) -> Reason:
    return Reason(scenario, Action.LOAN, scenario, values=values)


PLAIN = Wording(CATALOGUE)


def test_both_languages_have_the_same_texts_with_the_same_placeholders() -> None:
    english, french = CATALOGUE.texts["en"], CATALOGUE.texts["fr"]
    assert english.keys() == french.keys()
    for scenario, text in english.items():
        assert sorted(re.findall(r"\{.*?\}", text)) == sorted(re.findall(r"\{.*?\}", french[scenario])), (
            scenario
        )
        silent = scenario in SILENT
        assert (not text, not french[scenario]) == (silent, silent), scenario


def test_every_rule_has_a_text() -> None:
    needed = {rule.scenario for rule in RULES} | {"PATRON_SUSPENDED", "HOLD_PICKUP_DENIED", "PATRON_UNKNOWN"}
    assert needed <= CATALOGUE.texts["en"].keys()


def test_every_scenario_of_the_rooms_has_a_text() -> None:
    """Whatever desk and circulation refuse or note by name; a name without a text would say REFUSED."""
    named = re.compile(r"(?:gate|refusal|note)\(\s*\"([A-Z0-9_]+)\"")
    files = [file for room in ("desk", "circulation") for file in (ROOT / "sip2d" / room).rglob("*.py")]
    used = {name for file in files for name in named.findall(file.read_text("utf-8"))}
    assert "MESSAGE_NOT_SUPPORTED" in used
    assert used - CATALOGUE.texts["en"].keys() == set()


@pytest.mark.parametrize(
    ("what", "language", "said"),
    [
        # SP-30's lines
        (reason("RENEWED_OK", due_at=datetime(2030, 12, 31, 22, 59, 59, tzinfo=UTC)), "fr",
         "Prolongé jusqu'au 2030-12-31 23:59."),
        (reason("MEMBERSHIP_EXPIRED", expires_at=date(2026, 2, 28)), "fr",
         "Votre abonnement a expiré le 2026-02-28."),
        (reason("PATRON_SUSPENDED", expires_at=datetime(2026, 3, 11, 9, 0, tzinfo=UTC)), "fr",
         "Prêt suspendu jusqu'au 2026-03-11 10:00."),
        (Reason("X", Action.LOAN, "PATRON_SUSPENDED", expires_at=datetime(2026, 7, 11, 9, tzinfo=UTC)), "en",
         "Borrowing suspended until 2026-07-11 11:00."),
        ("ITEM_NOT_ON_LOAN_TO_PATRON", "fr", "Ce document n'est pas prêté à cet usager."),
        (reason("FINES_LIMIT", amount=1250, limit_minor=500), "en",
         "You owe 12.50 EUR; the limit is 5.00 EUR."),
        (reason("FINES_NO_RENEWAL", amount=7), "fr", "Prolongation refusée : vous devez 0.07 EUR."),
        (reason("HOLD_PLACED", count=3), "en", "Reservation placed; you are number 3 in the queue."),
        (reason("RETURN_OK_TRANSFER", branch="Annexe"), "fr", "Document à acheminer vers Annexe."),
        (reason("PATRON_BLOCKED", reason="Noise in the reading room."), "en",
         "Your account is blocked: Noise in the reading room."),
        (reason("PATRON_BLOCKED", reason="OVERDUE_LIMIT"), "en",
         "Your account is blocked: too many overdue items."),
        (reason("PATRON_BLOCKED", reason="OVERDUE_LIMIT"), "fr",
         "Votre compte est bloqué : trop de documents en retard."),
        (reason("ITEMTYPE_CHECKIN_MESSAGE", reason="Check the CD."), "en", "Check the CD."),
        (reason("RENEWED_OK"), "en", "Renewed until ."),
        (reason("OF_NO_TEXT"), "en", "This is not possible here. Please see staff."),
        ("LOGIN_REQUIRED", "xx", "Terminal not authorised."),
    ],
)  # fmt: skip
def test_what_is_said(what: Reason | str, language: str, said: str) -> None:
    assert PLAIN.lines(what, language, at()) == (said,)


def test_money_has_the_currency_s_decimals() -> None:
    assert PLAIN.lines(reason("PAYMENT_OK", amount=700), "en", at(decimals=0)) == (
        "Payment of 700 EUR received. Thank you.",
    )


@pytest.mark.parametrize(
    ("code", "branch", "institution", "language"),
    [
        ("001", "fr", "fr", "en"),
        ("024", "fr", "fr", "en"),
        ("002", "en", "en", "fr"),
        ("011", "en", "en", "fr"),
        ("000", "en", "fr", "en"),
        ("", None, "fr", "fr"),
        ("003", None, "fr", "fr"),
        ("eng", None, "de", "en"),
        ("", "de", "fr", "fr"),
    ],
)
def test_languages(code: str, branch: str | None, institution: str, language: str) -> None:
    """SP-9: the request's, else the branch's, else the institution's; the patron's is not asked."""
    patron = msgspec.structs.replace(PATRON, language="en" if language == "fr" else "fr")
    assert PLAIN.language(code, patron, at(branch_language=branch, language=institution)) == language


@pytest.mark.parametrize(
    ("code", "institution", "said"),
    [
        ("", None, "Terminal not authorised."),
        ("002", None, "Borne non autorisée."),
        ("", INSTITUTION, "Borne non autorisée."),
        ("001", INSTITUTION, "Terminal not authorised."),
    ],
)
def test_a_terminal_without_a_branch(code: str, institution: Institution | None, said: str) -> None:
    """CN-7: LOGIN_REQUIRED before anybody knows where we are."""
    assert PLAIN.unplaced(reason("LOGIN_REQUIRED"), code, institution) == (said,)


def test_an_institution_s_own_text() -> None:
    own = Wording(CATALOGUE, {(1, "LOAN_LIMIT", "en"): "Enough, {patron_name}!", (1, "CARD_LOST", "en"): ""})
    assert own.lines("LOAN_LIMIT", "en", at(), PATRON) == ("Enough, Anne Dupont!",)
    assert own.lines("LOAN_LIMIT", "fr", at(), PATRON) == ("Limite de prêts atteinte.",)
    assert own.lines("CARD_LOST", "en", at()) == (), "an empty text says nothing"
    other = msgspec.structs.replace(at(), institution=msgspec.structs.replace(INSTITUTION, id=2))
    assert own.lines("LOAN_LIMIT", "en", other) == ("Loan limit reached.",)


def test_values_cannot_break_the_message() -> None:
    """SP-9: delimiters and line ends are no part of a text; braces in a value are no placeholders."""
    said = PLAIN.lines(reason("RETURN_OK_TRANSFER", branch="A|B\r\n{count}"), "en", at())
    assert said == ("Item belongs to A B  {count}.",)


def test_narrow_screens() -> None:
    """SP-9: repeated AF, broken between words."""
    assert PLAIN.lines("ITEM_LOST", "en", at(width=20)) == (
        "Item is recorded as",
        "lost. Please see",
        "staff.",
    )


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 10, ()),
        ("one two", 0, ("one two",)),
        ("one two", 7, ("one two",)),
        ("one two", 6, ("one", "two")),
        ("abcdefgh", 3, ("abc", "def", "gh")),
        ("x abcdef y", 3, ("x", "abc", "def", "y")),
    ],
)
def test_split(text: str, width: int, lines: tuple[str, ...]) -> None:
    assert split(text, width) == lines


@given(st.text("ab ", max_size=60), st.integers(1, 12))
def test_split_loses_nothing_but_blanks(text: str, width: int) -> None:
    lines = split(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_known_placeholders_pass(name: str) -> None:
    check_text(f"So {{{name}}}.")


@pytest.mark.parametrize(
    "text", ["{pin}", "{due_at!r}", "{due_at:%Y}", "{patron_name.pin}", "{}", "{", "a } b", "{{due_at}}"]
)
def test_other_placeholders_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        check_text(text)


def test_a_file_with_a_bad_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "en.toml").write_text('LOAN_OK = "Until {when}."\n', "utf-8")
    with pytest.raises(ValueError, match=r"en\.toml, LOAN_OK"):
        Catalogue.load(tmp_path)


def test_english_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"en\.toml"):
        Catalogue.load(tmp_path)
