"""Every short word of `about` is true over the wire (issue 1.2): each terminal logs in, each patron and item
is asked.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from sip2d.demo import plan
from tests.demo import frames
from tests.demo.running import Demo
from tests.support.kiosk import Reply, seal, stamp

FIRST = [kiosk for kiosk in plan.KIOSKS if plan.house_of(kiosk) is plan.HOUSES[0]]
SECOND = [kiosk for kiosk in plan.KIOSKS if kiosk not in FIRST]
SPARE = frames.item(20)
"""On the shelf; whoever borrows it here brings it back."""


def words(about: str) -> set[str]:
    return set(about.split())


def numbers(known: tuple[plan.Known, ...], word: str) -> list[int]:
    return [one.number for one in known if word in words(one.about)]


# -- terminals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("terminal", [one.user for one in FIRST if one.profile != "legacy-cp850-crlf"])
def test_every_terminal_logs_in_and_is_told_its_place(demo: Demo, terminal: str) -> None:
    row = demo.terminal(terminal)
    with demo.kiosk(terminal) as kiosk:
        status = kiosk.ask("9900802.00")
    assert (status.code, status.ok) == ("98", True)
    assert (status["AO"], status["AN"]) == ("VALMONT", row["location"])


@pytest.mark.parametrize("kiosk", SECOND, ids=[one.user for one in SECOND])
def test_the_second_institution_is_served_too(demo: Demo, kiosk: plan.Kiosk) -> None:
    with demo.plain() as line:
        assert line.login(kiosk.user, kiosk.password)
        assert line.ask("9900802.00")["AO"] == "HARBOUR"
        barcode = plan.patron_barcode(plan.HOUSES[1], 1)
        assert line.ask(frames.information(barcode).replace("VALMONT", "HARBOUR"))["BL"] == "Y"


@pytest.mark.parametrize("kiosk", [one for one in FIRST if "tls-only" in words(one.about)], ids=str)
def test_tls_only_is_refused_on_the_plain_port(demo: Demo, kiosk: plan.Kiosk) -> None:
    with demo.plain() as line:
        assert not line.login(kiosk.user, kiosk.password)
    with demo.tls() as line:
        assert line.login(kiosk.user, kiosk.password)


def test_the_kiosk_s_branch_asks_for_no_pin_and_sends_personal_data(demo: Demo) -> None:
    """Every message is enabled: sixteen Y in BX."""
    with demo.kiosk() as kiosk:
        assert kiosk.ask("9900802.00")["BX"] == "Y" * 16
        asked = kiosk.ask(frames.information(frames.patron(1), with_pin=False))
        assert asked["BL"] == "Y"
        assert all(asked[field] for field in ("AE", "BD", "BE", "BF"))
        assert kiosk.ask(frames.checkout(frames.patron(1), SPARE, with_pin=False)).ok
        assert kiosk.ask(frames.checkin(SPARE)).ok


def test_pin_asks_for_the_pin(demo: Demo) -> None:
    with demo.kiosk("kiosk-pin") as kiosk:
        without = kiosk.ask(frames.information(frames.patron(1), with_pin=False))
        assert without.fields.get("AE") in (None, [""])
        assert kiosk.ask(frames.information(frames.patron(1)))["AE"]
        assert not kiosk.ask(frames.checkout(frames.patron(1), SPARE, with_pin=False)).ok


def test_the_bulk_terminal_renews_as_told_and_does_nothing_else(demo: Demo) -> None:
    """29 with nb=Y and a due date: the loan is due then, to the second (BR-5, CL-5)."""
    due = stamp((datetime.now(UTC) + timedelta(days=90)).replace(minute=0, second=0))
    with demo.kiosk("bulk") as kiosk:
        assert kiosk.ask("9900802.00")["BX"] == "NNNNYYYNNNNNNNYN"
        done = kiosk.ask(frames.renew(frames.patron(10), frames.item(21), no_block="Y", due=due))
        assert done.ok
        assert done["AH"] == due
        refused = kiosk.ask(frames.information(frames.patron(1)))
        assert (refused["BL"], refused["AE"]) == ("N", "")
        assert "not available" in refused.said
        assert not kiosk.ask(frames.checkout(frames.patron(1), SPARE)).ok


def test_the_verifier_knows_23_and_63_only(demo: Demo) -> None:
    """BL tells of the record: somebody who expired is a patron still."""
    with demo.kiosk("verifier") as kiosk:
        assert kiosk.ask("9900802.00")["BX"] == "YNNNYYYYNNNNNNNN"
        assert kiosk.ask(frames.status(frames.patron(1)))["BL"] == "Y"
        assert kiosk.ask(frames.information(frames.patron(6)))["BL"] == "Y"
        assert kiosk.ask(frames.information("21990000009999"))["BL"] == "N"
        for refused in (frames.checkout(frames.patron(1), SPARE), frames.renew(frames.patron(10), SPARE)):
            reply = kiosk.ask(refused)
            assert (reply.ok, bool(reply.said)) == (False, True)


def test_legacy_speaks_code_page_850_and_cr_lf(demo: Demo) -> None:
    """From the 94 on; titles instead of barcodes in its lists."""
    row = demo.terminal("legacy")
    lost = frames.information(frames.patron(8)).replace("63001", "63002")
    loans = frames.information(frames.patron(10), "  Y       ")
    read = b""
    with demo.plain() as kiosk:
        for number, body in enumerate((f"9300CNlegacy|CO{row['password']}|", lost, loans)):
            kiosk.send_raw(seal(body, number) + b"\n")
        while read.count(b"\r\n") < 3:
            data = kiosk.sock.recv(4096)
            assert data, read
            read += data
    login, told, listed = (line.decode("cp850") for line in read.split(b"\r\n")[:3])
    assert login.startswith("941")
    assert "AFCette carte a été déclarée perdue.|" in told
    assert "AUBel-Ami|" in listed


def test_the_sorter_is_told_where_things_go(demo: Demo) -> None:
    """The 3M extensions CR, CS, CT, CV of the extended profile."""
    with demo.kiosk("sorter") as kiosk, demo.kiosk() as centre:
        assert centre.ask(frames.checkout(frames.patron(2), SPARE)).ok
        back = kiosk.ask(frames.checkin(SPARE, "TRI"))
        assert back.ok
        assert back.fixed[3] == "Y", "an alert: it belongs elsewhere"
        assert (back["CV"], back["CT"]) == ("04", "CENTRE")
        assert centre.ask(frames.checkin(SPARE)).ok, "and is at home again"


# -- patrons -----------------------------------------------------------------------------------------------


def flags(reply: Reply) -> str:
    return reply.fixed[:14]


def counts(reply: Reply) -> tuple[int, ...]:
    """Hold, overdue, charged, fine, recall, unavailable."""
    return tuple(int(reply.fixed[35 + 4 * at : 39 + 4 * at]) for at in range(6))


def borrows(demo: Demo, who: str) -> bool:
    with demo.kiosk() as kiosk:
        done = kiosk.ask(frames.checkout(who, SPARE)).ok
        if done:
            assert kiosk.ask(frames.checkin(SPARE)).ok
    return done


Check = Callable[[Demo, str, Reply], None]


def ok(demo: Demo, who: str, told: Reply) -> None:
    assert flags(told).strip() == ""
    assert (told["BL"], told["CQ"], told["BV"]) == ("Y", "Y", "0.00")
    assert borrows(demo, who)


def fees(demo: Demo, who: str, told: Reply) -> None:
    assert float(told["BV"]) > 0
    assert counts(told)[3] > 0
    if flags(told)[0] == " ":
        assert borrows(demo, who)


def blocked(demo: Demo, who: str, told: Reply) -> None:
    assert flags(told)[0] == "Y"
    assert told.said
    assert not borrows(demo, who)


def expired(demo: Demo, who: str, told: Reply) -> None:
    assert told["BL"] == "N"
    assert "expired" in told.said
    assert not borrows(demo, who)


def card_lost(demo: Demo, who: str, told: Reply) -> None:
    assert flags(told)[4] == "Y"
    assert not borrows(demo, who)


def overdue(demo: Demo, who: str, told: Reply) -> None:
    assert counts(told)[1] > 0


def on_loan(demo: Demo, who: str, told: Reply) -> None:
    assert counts(told)[2] > 0
    with demo.kiosk() as kiosk:
        assert kiosk.ask(frames.information(who, "  Y       ")).fields["AU"]


def held(demo: Demo, who: str, told: Reply) -> None:
    assert counts(told)[0] > 0
    with demo.kiosk() as kiosk:
        assert kiosk.ask(frames.information(who, "Y         ")).fields["AS"] == [frames.item(24)]


def recalled(demo: Demo, who: str, told: Reply) -> None:
    assert counts(told)[4] > 0


PATRONS: dict[str, Check] = {
    "ok": ok, "fees": fees, "blocked": blocked, "expired": expired, "card-lost": card_lost,
    "overdue": overdue, "on-loan": on_loan, "held": held, "recalled": recalled,
}  # fmt: skip


@pytest.mark.parametrize(
    ("number", "word"), [(one.number, word) for one in plan.PATRONS for word in one.about.split()]
)
def test_every_word_about_a_patron_is_true(demo: Demo, number: int, word: str) -> None:
    with demo.kiosk() as kiosk:
        told = kiosk.ask(frames.information(frames.patron(number)))
    PATRONS[word](demo, frames.patron(number), told)


# -- items -------------------------------------------------------------------------------------------------

STATUS = {
    "on-shelf": {"03"}, "on-loan": {"04", "07"}, "overdue": {"04"}, "recalled": {"07"}, "held": {"08"},
    "lost": {"12"}, "not-for-loan": {"01"}, "withdrawn": {"01"}, "in-transit": {"10"}, "wanted": {"04"},
}  # fmt: skip
"""Circulation status in 18 (sip2.md 2.3)."""


@pytest.mark.parametrize(
    ("number", "word"),
    [(one.number, word) for one in plan.ITEMS for word in one.about.split() if word in STATUS],
)
def test_every_word_about_an_item_is_its_circulation_status(demo: Demo, number: int, word: str) -> None:
    with demo.kiosk() as kiosk:
        told = kiosk.ask(frames.item_information(frames.item(number)))
    assert told.fixed[:2] in STATUS[word]
    assert ("AH" in told.fields) == ("on-loan" in words(_about(number)))
    if word == "overdue":
        assert told["AH"] < frames.now()
    if word in ("wanted", "recalled", "held", "in-transit"):
        assert int(told["CF"]) > 0, "somebody waits for it"


@pytest.mark.parametrize("number", numbers(plan.ITEMS, "ok"))
def test_an_ok_item_is_borrowed_and_brought_back(demo: Demo, number: int) -> None:
    with demo.kiosk() as kiosk:
        done = kiosk.ask(frames.checkout(frames.patron(3), frames.item(number)))
        assert done.ok
        assert done["AH"] > frames.now()
        assert kiosk.ask(frames.checkin(frames.item(number))).ok


REFUSED = ("on-loan", "held", "lost", "not-for-loan", "withdrawn", "in-transit")


@pytest.mark.parametrize(
    "number", sorted({number for word in REFUSED for number in numbers(plan.ITEMS, word)})
)
def test_what_is_not_to_be_had_is_refused_with_a_word(demo: Demo, number: int) -> None:
    with demo.kiosk() as kiosk:
        refused = kiosk.ask(frames.checkout(frames.patron(3), frames.item(number)))
    assert not refused.ok
    assert refused.said


def test_the_held_item_goes_to_its_holder_only(demo: Demo) -> None:
    [number], [holder] = numbers(plan.ITEMS, "held"), numbers(plan.PATRONS, "held")
    with demo.kiosk() as kiosk:
        assert not kiosk.ask(frames.checkout(frames.patron(1), frames.item(number))).ok
        assert kiosk.ask(frames.checkout(frames.patron(holder), frames.item(number))).ok
        undone = kiosk.ask(
            f"09N{frames.now()}{frames.now()}APCENTRE|AOVALMONT|AB{frames.item(number)}|AC|BIY|"
        )
        assert undone.ok, "cancelled: it waits for its holder again"
        assert kiosk.ask(frames.item_information(frames.item(number))).fixed[:2] == "08"


def test_the_rental_asks_for_its_price_first(demo: Demo) -> None:
    """BT, BV without BO; lent with it, and owed."""
    [number] = numbers(plan.ITEMS, "rental")
    with demo.kiosk() as kiosk:
        asked = kiosk.ask(frames.checkout(frames.patron(2), frames.item(number)))
        assert (asked.ok, asked["BT"], asked["BV"]) == (False, "06", "2.00")
        assert kiosk.ask(frames.checkout(frames.patron(2), frames.item(number), fee_ok=True)).ok
        undone = kiosk.ask(
            f"09N{frames.now()}{frames.now()}APCENTRE|AOVALMONT|AB{frames.item(number)}|AC|BIY|"
        )
        assert undone.ok
        assert kiosk.ask(frames.information(frames.patron(2)))["BV"] == "0.00"


def test_the_recalled_loan_is_not_renewed(demo: Demo) -> None:
    [number], [who] = numbers(plan.ITEMS, "recalled"), numbers(plan.PATRONS, "recalled")
    with demo.kiosk() as kiosk:
        refused = kiosk.ask(frames.renew(frames.patron(who), frames.item(number)))
    assert not refused.ok
    assert "rappel" in refused.said


def test_no_word_is_left_unchecked() -> None:
    assert {word for one in plan.PATRONS for word in words(one.about)} == set(PATRONS)
    assert {word for one in plan.ITEMS for word in words(one.about)} == {*STATUS, "ok", "rental"}
    assert {word for one in FIRST for word in words(one.about)} == {
        "kiosk", "pin", "tls-only", "legacy", "sorter", "extended", "koha-like", "evergreen-like", "bulk",
        "verifier",
    }  # fmt: skip


def _about(number: int) -> str:
    return next(one.about for one in plan.ITEMS if one.number == number)
