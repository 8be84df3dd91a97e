"""Screen texts over the wire: SP-9's languages, widths and customising; peers 28, 29."""

import msgspec
import pytest

from sip2d.circulation.call import Spoken
from tests.rules.terminal import Kiosk

ENGLISH, FRENCH = ["Your library account has expired."], ["Votre compte est expiré."]


@pytest.mark.parametrize(
    ("code", "profile", "branch", "institution", "said"),
    [
        ("001", "002", "fr", "fr", ENGLISH),
        ("002", "001", "en", "en", FRENCH),
        ("000", "002", "en", "en", FRENCH),
        ("003", "002", "en", "en", FRENCH),  # Spanish is not spoken: as if it had not been asked for
        ("000", "", "fr", "en", FRENCH),
        ("000", "", "null", "fr", FRENCH),
        ("000", "", "null", "de", ENGLISH),
    ],
)
def test_sp9_languages(
    kiosk: Kiosk, code: str, profile: str, branch: str, institution: str, said: list[str]
) -> None:
    """The request's, else the profile's, else the branch's, else the institution's."""
    kiosk.given(f"branch CENTRAL language={branch}", f"institution MAIN language={institution}")
    kiosk.profile = msgspec.structs.replace(kiosk.profile, language=profile)
    assert kiosk.status("P-EXPIRED", language=code).af == said
    assert kiosk.information("P-EXPIRED", language=code).af == said
    if code == "000":
        assert kiosk.checkout("P-EXPIRED", "I1").af == said


@pytest.mark.parametrize(("spoken", "branch"), [(20, 0), (20, 80), (0, 20)])
def test_sp9_widths(kiosk: Kiosk, spoken: int, branch: int) -> None:
    """The SC's own width, else the branch's: repeated AF, broken between words."""
    kiosk.spoken = Spoken(width=spoken)
    kiosk.given(f"branch CENTRAL max_print_width={branch}")
    assert kiosk.status("P-EXPIRED").af == ["Your library account", "has expired."]


def test_sp9_empty_says_nothing_and_own_texts_hold_values(kiosk: Kiosk) -> None:
    """Per institution and language; the refusal stays one."""
    kiosk.given(
        'text MAIN PATRON_EXPIRED en ""', 'text MAIN PATRON_EXPIRED fr "Fini le {expires_at}, {patron_name}."'
    )
    answer = kiosk.checkout("P-EXPIRED", "I1")
    assert (answer.fixed[2], answer.af) == ("0", [])
    assert kiosk.status("P-EXPIRED", language="002").af == ["Fini le 2026-03-08, Chloe Petit."]


def test_sp9_no_value_breaks_a_field(kiosk: Kiosk) -> None:
    kiosk.given("block P1 'reason=a|b\\nc'")
    (text,) = kiosk.status("P1").af
    assert "|" not in text
    assert text.isprintable()


def test_peers29_success_is_silent_unless_asked_for(kiosk: Kiosk) -> None:
    assert kiosk.checkout("P1", "I1").af == []
    assert kiosk.checkin("I1").af == []
    assert kiosk.pay("P1", "1.00").af == ["There is nothing to pay."]


def test_peers28_custom_fields(kiosk: Kiosk) -> None:
    kiosk.profile = msgspec.structs.replace(
        kiosk.profile, custom_patron_fields={"PC": "{patron_type}/{branch}"},
        custom_item_fields={"EA": "{author}"}, ae_template="{last_name}, {first_name}",
    )  # fmt: skip
    answer = kiosk.information("P1")
    assert (answer["PC"], answer["AE"]) == ("ADULT/CENTRAL", "Dupont, Anne")
    assert kiosk.status("P1")["PC"] == "ADULT/CENTRAL"
    assert kiosk.said("17{now}AOMAIN|ABI1|")["EA"] == "Author"
