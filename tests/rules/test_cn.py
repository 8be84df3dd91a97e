"""CN-2, CN-3, CN-5, CN-10, SP-3, SP-4 and GN-10, GN-11: what a terminal may ask, where, and of whom."""

import pytest

from sip2d.circulation.status import HEALTHY, Health, acs_status
from sip2d.store import tables
from sip2d.wire import codec
from sip2d.wire.messages import ScStatus
from tests.rules.terminal import Kiosk, Said
from tests.support.library import MESSAGES, NOW, add, add_item, add_patron, seconds

BLANK = " " * 18
REFUSED: dict[str, tuple[str, str, str, set[str]]] = {
    "PATRON_STATUS": ("23002{now}AOX|AAP1|AC|", "24YYYY          002{now}", "BLN", {"AO", "AA", "AE"}),
    "CHECKOUT": (f"11YN{{now}}{BLANK}AOX|AAP1|ABI1|AC|", "120NUN{now}", "", {"AO", "AA", "AB", "AJ", "AH"}),
    "CHECKIN": ("09N{now}{now}AP|AOX|ABI1|AC|", "100NUN{now}", "", {"AO", "AB", "AQ"}),
    "BLOCK_PATRON": ("01N{now}AOX|ALx|AAP1|AC|", "24YYYY          000{now}", "BLN", {"AO", "AA", "AE"}),
    "PATRON_INFO": (f"63002{{now}}{BLANK[:10]}AOX|AAP1|", f"64YYYY          002{{now}}{'0' * 24}", "BLN",
                    {"AO", "AA", "AE"}),
    "END_SESSION": ("35{now}AOX|AAP1|", "36N{now}", "", {"AO", "AA"}),
    "FEE_PAID": ("37{now}0100EURBV1.00|AOX|AAP1|", "38N{now}", "", {"AO", "AA"}),
    "ITEM_INFO": ("17{now}AOX|ABI1|", "18010001{now}", "", {"AB", "AJ"}),
    "ITEM_STATUS_UPDATE": ("19{now}AOX|ABI1|CHx|", "200{now}", "", {"AB"}),
    "PATRON_ENABLE": ("25{now}AOX|AAP1|", "26YYYY          000{now}", "BLN", {"AO", "AA", "AE"}),
    "HOLD": ("15+{now}AOX|AAP1|ABI1|", "160N{now}", "", {"AO", "AA"}),
    "RENEW": (f"29NN{{now}}{BLANK}AOX|AAP1|ABI1|", "300NUN{now}", "", {"AO", "AA", "AB", "AJ", "AH"}),
    "RENEW_ALL": ("65{now}AOX|AAP1|", "66000000000{now}", "", {"AO"}),
}  # fmt: skip
"""Frame, the fixed block of its refusal, BL, and which other fields must be there."""


def check(answer: Said, key: str, stamp: str, text: str) -> None:
    """The message's own "no", with AF, and nothing of patron or item."""
    _, fixed, standing, required = REFUSED[key]
    assert answer.fixed == fixed.replace("{now}", stamp)
    assert answer.get("BL") == ([standing[2:]] if standing else [])
    assert set(answer.fields) - {"BL"} == required | {"AF"}
    assert answer.af == [text]
    for field in ("AE", "AJ", "AH", "AQ"):
        assert "".join(answer.get(field)) == ""


@pytest.mark.parametrize("key", REFUSED)
def test_cn5_a_disabled_message_gets_its_own_refusal(kiosk: Kiosk, key: str) -> None:
    """Never silence, never anything of the patron (CN-5); AO is echoed."""
    kiosk.given(f"message CENTRAL {key} DISABLED")
    french = REFUSED[key][0][2:5] == "002"
    text = "Fonction non disponible." if french else "Function not available on this terminal."
    check(kiosk.said(REFUSED[key][0]), key, kiosk.stamp, text)
    assert kiosk.last is not None
    assert (kiosk.last.result, kiosk.last.rule) == ("refused", "MESSAGE_NOT_SUPPORTED")


@pytest.mark.parametrize("key", REFUSED)
def test_cn2_a_branch_that_is_not_configured_serves_nothing(kiosk: Kiosk, key: str) -> None:
    kiosk.given("branch CENTRAL status=NOT_CONFIGURED")
    text = "Borne non autorisée." if REFUSED[key][0][2:5] == "002" else "Terminal not authorised."
    check(kiosk.said(REFUSED[key][0]), key, kiosk.stamp, text)


def test_cn5_every_message_of_a_patron_can_be_disabled() -> None:
    """The table above is whole: the rest is served by session and daemon, or is no message."""
    assert set(MESSAGES) - set(REFUSED) == {"SC_STATUS", "RESEND", "LOGIN", "OFFLINE_MODE"}


WITH_PIN = [
    "CHECKOUT",
    "RENEW",
    "RENEW_ALL",
    "HOLD",
    "FEE_PAID",
    "PATRON_ENABLE",
    "PATRON_STATUS",
    "PATRON_INFO",
]


@pytest.mark.parametrize("key", WITH_PIN)
def test_cn5_enabled_wants_the_pin(kiosk: Kiosk, key: str) -> None:
    """ENABLED: absent, empty and wrong PINs are refused, the right one passes; ENABLED_NO_AUTH: a wrong one
    is refused all the same."""
    kiosk.pin("P1", "1234")
    kiosk.given("loan I1 P1", "fee P1 500", f"message CENTRAL {key} ENABLED")
    frame = REFUSED[key][0].replace("AOX", "AO").replace("002", "001", 1)
    if key in ("CHECKOUT", "HOLD"):
        frame = frame.replace("ABI1", "ABI3")
    for password in ("", "AD|", "AD9999|"):
        assert kiosk.said(frame + password).af == ["Invalid PIN."], password
    kiosk.given(f"message CENTRAL {key} ENABLED_NO_AUTH")
    assert kiosk.said(frame + "AD9999|").af == ["Invalid PIN."]
    for level in ("ENABLED", "ENABLED_NO_AUTH"):
        kiosk.given(f"message CENTRAL {key} {level}")
        assert "Invalid PIN." not in kiosk.said(frame + "AD1234|").af


# -- SP-3, SP-4 ------------------------------------------------------------------------------------------


def status(kiosk: Kiosk, request: str = "9900802.00", health: Health = HEALTHY) -> str:
    """98 of the branch as it is."""
    asked = codec.parse_request(request.encode())
    assert isinstance(asked, ScStatus)
    books = kiosk.unit.library
    branch = next(one for one in books.branches.values() if one.code == "CENTRAL")
    institution = books.institutions[branch.institution_id]
    return codec.build(acs_status(institution, branch, health, kiosk.stamp, asked)).decode()


ORDER = [
    "PATRON_STATUS", "CHECKOUT", "CHECKIN", "BLOCK_PATRON", "SC_STATUS", "RESEND", "LOGIN", "PATRON_INFO",
    "END_SESSION", "FEE_PAID", "ITEM_INFO", "ITEM_STATUS_UPDATE", "PATRON_ENABLE", "HOLD", "RENEW",
    "RENEW_ALL",
]  # fmt: skip


@pytest.mark.parametrize("place", range(16))
def test_sp4_each_bit_of_bx(kiosk: Kiosk, place: int) -> None:
    kiosk.given(f"message CENTRAL {ORDER[place]} DISABLED")
    bits = "".join("N" if at == place else "Y" for at in range(16))
    assert f"|BX{bits}|" in status(kiosk)


FLAGS = {"CHECKIN": 3, "CHECKOUT": 4, "RENEW": 5, "BLOCK_PATRON": 6, "OFFLINE_MODE": 7}


@pytest.mark.parametrize("key", FLAGS)
def test_sp3_each_flag(kiosk: Kiosk, key: str) -> None:
    kiosk.given(f"message CENTRAL {key} DISABLED")
    flags = ["Y"] * 6
    flags[FLAGS[key] - 2] = "N"
    assert status(kiosk)[2:8] == "".join(flags)


def test_sp3_the_bulk_renewal_profile(kiosk: Kiosk) -> None:
    """SP-3's example; its BX has one N too many there."""
    keep = {"RENEW", "LOGIN", "OFFLINE_MODE", "SC_STATUS", "RESEND"}
    kiosk.given(*(f"message CENTRAL {key} DISABLED" for key in MESSAGES if key not in keep))
    kiosk.given("branch CENTRAL terminal_location=Renouvellements library_name=Centrale")
    assert status(kiosk) == (
        f"98YNNYNY150003{kiosk.stamp}2.00AOMAIN|AMCentrale|BXNNNNYYYNNNNNNNYN|ANRenouvellements|"
    )


@pytest.mark.parametrize(("seconds_", "said"), [(1, "010"), (15, "150"), (99, "990")])
def test_cn4_the_timeout_in_tenths(kiosk: Kiosk, seconds_: int, said: str) -> None:
    kiosk.given(f"branch CENTRAL timeout_seconds={seconds_} retries_allowed=7")
    assert status(kiosk)[8:14] == f"{said}007"


@pytest.mark.parametrize(
    ("health", "flags"), [(Health(writes=False), "YNNNNN"), (Health(reads=False, writes=False), "NNNNNN")]
)
def test_peers31_98_tells_the_truth_about_the_database(kiosk: Kiosk, health: Health, flags: str) -> None:
    assert status(kiosk, health=health)[2:8] == flags


# -- CN-3, CN-8, CN-10 -----------------------------------------------------------------------------------


def test_cn3_the_branch_of_the_session_is_the_branch_of_record(kiosk: Kiosk) -> None:
    """CN-8: a login's CP may have bound CENTRAL's terminal to NORTH; the events are NORTH's, the rules too
    (CO-5)."""
    north = kiosk.world.branches["NORTH"]
    kiosk.rule("loan_period", "3", branch_id=north)
    with kiosk.standing_at(
        "NORTH", id=kiosk.world.terminals["kiosk-central"], branch_id=kiosk.world.branches["CENTRAL"]
    ):
        assert kiosk.checkout("P1", "I1")["AH"] == "20260312    235959"
    (loan,) = kiosk.rows(tables.loan)
    (event,) = kiosk.rows(tables.loan_event)
    assert (loan["branch_id"], loan["policy_branch_id"], event["branch_id"]) == (north, north, north)
    assert event["terminal_id"] == kiosk.world.terminals["kiosk-central"]


def test_cn10_off_only_the_own_institution_is_known(kiosk: Kiosk) -> None:
    kiosk.change(lambda core, world: add_item(core, world, "ILL-1", title="T90", is_temporary_ill=1))
    assert kiosk.checkout("O1", "I1").af == ["Card not recognised. Please see staff."]
    for item in ("O-I1", "ILL-1"):
        assert kiosk.checkout("P1", item).af == ["Item not recognised."]
        assert kiosk.checkin(item).fixed[2] == "0"
        assert kiosk.said(f"17{{now}}AOMAIN|AB{item}|").fixed[2:6] == "0101"


def test_cn10_on_the_group_is_known(kiosk: Kiosk) -> None:
    """The item's owner sets the terms (14 days), the patron's home his limits."""
    kiosk.terminal = {"group_resolution": True}
    kiosk.change(lambda core, world: add_item(core, world, "ILL-1", title="T90", is_temporary_ill=1))
    assert kiosk.checkout("P1", "ILL-1").fixed[2] == "1"
    answer = kiosk.checkout("P1", "O-I1")
    assert (answer.fixed[2], answer["AH"]) == ("1", "20260324    045959")  # 23 March, 23:59:59 in New York
    assert kiosk.checkout("O1", "I1").fixed[2] == "1"
    kiosk.given("patron-type O-ADULT loan_limit=1")
    assert kiosk.checkout("O1", "I3").af == ["Loan limit reached."]
    assert kiosk.information("O1")["CB"] == "0001"


def third(kiosk: Kiosk, rank: int) -> None:
    """A third institution of the group, with a patron O1 and an item O-I1 of its own."""

    def act(core, world):  # type: ignore[no-untyped-def]  # the types of `Kiosk.change`
        group = core.execute(tables.institution.select()).mappings().first()["circulation_group_id"]
        third = add(
            core,
            tables.institution,
            code="THIRD",
            name="Third",
            timezone="Europe/Paris",
            currency="EUR",
            language="en",
            circulation_group_id=group,
            group_rank=rank,
        )
        branch = add(core, tables.branch, institution_id=third, code="THIRD-1", name="Third")
        add(core, tables.branch_sip2, branch_id=branch, status="CONFIGURED")
        kind = add(core, tables.patron_type, institution_id=third, code="T-ADULT", name="Adult")
        add(
            core,
            tables.patron,
            institution_id=third,
            barcode="O1",
            name="Theo Third",
            home_branch_id=branch,
            type_id=kind,
            created_at=seconds(NOW),
        )

    kiosk.change(act)


@pytest.mark.parametrize(("rank", "name"), [(1, "Theo Third"), (2, ""), (3, "Olga Other")])
def test_cn10_the_lowest_rank_wins_and_a_tie_is_unknown(kiosk: Kiosk, rank: int, name: str) -> None:
    """Own institution first, then by rank; two of one rank are nobody, and AF says so."""
    third(kiosk, rank)
    kiosk.terminal = {"group_resolution": True}
    answer = kiosk.status("O1")
    assert answer["AE"] == name
    assert answer.af == ([] if name else ["Card not recognised. Please see staff."])
    kiosk.change(lambda core, world: add_patron(core, world, "O1", name="Own"))
    assert kiosk.status("O1")["AE"] == "Own"


# -- GN-7, GN-10, GN-11 ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("card", "known"),
    [
        (" P1", True),
        ("P1  ", True),
        ("p1", False),
        ("P 1", False),
        ("ALT-P1", True),
        (" ALT-P1 ", True),
        ("P1" + "0" * 79, False),
    ],
)
def test_gn10_barcodes(kiosk: Kiosk, card: str, known: bool) -> None:
    """Case counts, blanks around do not, other identifiers resolve; the echo is what was sent."""
    answer = kiosk.status(card)
    assert (answer["AE"] == "Anne Dupont", answer["AA"]) == (known, card)
    answer = kiosk.checkout(card, " I1 ")
    assert (answer.fixed[2] == "1", answer["AB"]) == (known, " I1 ")


def test_gn10_80_characters_are_a_barcode(kiosk: Kiosk) -> None:
    longest = "Z" * 80
    kiosk.change(lambda core, world: add_patron(core, world, longest, name="Long"))
    assert kiosk.status(longest)["AE"] == "Long"


def test_gn11_labels(kiosk: Kiosk) -> None:
    """SIP2, SIP2_OFFLINE and, at a terminal for it, BULK_RENEWAL."""
    kiosk.checkout("P1", "I1")
    kiosk.stored_checkout("P1", "I3", kiosk.stamp, "20260330    235959")
    with kiosk.standing_at("CENTRAL", purpose="bulk"):
        kiosk.stored_renew("P1", "I1", "20260501    235959")
        kiosk.renew("P1", "I3")
    assert [(row["kind"], row["interface"]) for row in kiosk.rows(tables.loan_event)] == [
        ("LOAN", "SIP2"), ("LOAN", "SIP2_OFFLINE"), ("RENEW", "BULK_RENEWAL"), ("RENEW", "SIP2"),
    ]  # fmt: skip


ACTS = {
    "01N{now}AOMAIN|ALx|AAP1|AC|": ("patron_block", "BLOCK"),
    "15+{now}AOMAIN|AAP1|ABI1|": ("hold", "PLACE"),
    "37{now}0100EURBV1.00|AOMAIN|AAP2|": ("ledger_txn", "PAY"),
    "19{now}AOMAIN|ABI1|CHnew|": ("item", "DESCRIBE"),
    "11NY{now}20260330    235959AOMAIN|AAP-LOST|ABI3|AC|": ("item", "BYPASS"),
}


@pytest.mark.parametrize("frame", ACTS)
def test_gn7_who_did_it_where(kiosk: Kiosk, frame: str) -> None:
    """One audit row with terminal and branch."""
    kiosk.given("fee P2 500")
    kiosk.ask(frame)
    (row,) = kiosk.rows(tables.audit_log)
    assert (row["entity"], row["action"]) == ACTS[frame]
    assert row["terminal_id"] == kiosk.world.terminals["kiosk-central"]
    assert row["branch_id"] == kiosk.world.branches["CENTRAL"]
    assert row["actor"] == "kiosk-central"


def test_gn7_no_pin_is_ever_written(kiosk: Kiosk) -> None:
    """PT-41: neither in the audit log nor in the journal."""
    kiosk.pin("P1", "s3cr3t")
    kiosk.given("fee P1 500")
    kiosk.checkout("P1", "I1", "ADs3cr3t|")
    kiosk.pay("P1", "1.00", "ADs3cr3t|")
    kiosk.ask("11NY{now}20260330    235959AOMAIN|AAP1|ABI3|ACt3rm|ADs3cr3t|")
    written = (
        str(kiosk.rows(tables.audit_log))
        + str(kiosk.rows(tables.journal))
        + str(kiosk.rows(tables.loan_event))
    )
    assert "s3cr3t" not in written
    assert "t3rm" not in written
