"""Errands on their way through the store: served with others of one batch as alone; both databases."""

import itertools
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from sip2d.circulation.call import Answer, PinNeeded
from sip2d.compose import catalogue, profiles
from sip2d.daemon.acs import Acs, Binding
from sip2d.daemon.admission import Admission
from sip2d.daemon.errand import ROADS, Errand
from sip2d.daemon.pins import Pins
from sip2d.daemon.road import Road
from sip2d.session.slots import Exchange
from sip2d.store import epoch, tables
from sip2d.store.executor import Store
from sip2d.store.transact import Task
from sip2d.store.unit import Unit
from sip2d.wire import codec
from sip2d.wire.profile import STANDARD, Barcodes, Profile
from tests.support.accounts import CROWD, DAY, accounts, limit
from tests.support.batches import Answers, Told, busy
from tests.support.databases import Databases
from tests.support.library import NOW

DATE = "20260309    101500"
LATER = NOW + 30 * DAY
OWN: dict[str, Profile] = {
    "titles": Profile(name="titles", loan_list="title", hold_list="title", hold_count="all"),
    "short": Profile(name="short", max_list_items=2, patron_barcode=Barcodes(add_prefix="P")),
}
FORESEEING = ("23", "63")

Sent = tuple[str, str, datetime]
"""The terminal's branch and profile, `CENTRAL standard`; what it asks; when."""


def lists(patron: str, rest: str = "") -> list[str]:
    """A 63 for each list, and for none."""
    summaries = (" " * at + "Y" + " " * (9 - at) for at in range(6))
    return [f"63001{DATE}{summary}AO|AA{patron}|AC|{rest}" for summary in (*summaries, " " * 10)]


def others(patron: str, item: str = "I1") -> list[str]:
    """The rest of what reads."""
    return [
        f"23001{DATE}AO|AA{patron}|AC|",
        f"17{DATE}AO|AB{item}|AC|",
        f"35{DATE}AO|AA{patron}|AC|",
    ]


def interleaved(*groups: list[Sent]) -> list[Sent]:
    """One of each in turn."""
    turns = itertools.zip_longest(*groups)
    return [sent for turn in turns for sent in turn if sent is not None]


def of(place: str, asked: list[str], now: datetime = NOW) -> list[Sent]:
    """These, from this place, at this moment."""
    return [(place, one, now) for one in asked]


STRANGERS = ("P1", "nobody", "", "  ", " P1 ", "P" * 81, "ALT-P1", "PROXY-P1", "P-DELETED", "p1", "O1")
PINS = [f"{code}AD1234|" for one in ("P1", "P2", "nobody") for code in (*lists(one)[2:3], others(one)[0])]
MIXED: dict[str, list[Sent]] = {
    "one terminal": of("CENTRAL standard", [
        *lists("P1"), *others("P1"), *lists("P2"), *lists("P1", "BP2|BQ3|"), *lists("P1", "BP4|"),
        *lists("P1", "BQ1|"), *lists("P-CHILD"), *others("P2", "I3"), *others("P-STAFF", "nothing"),
    ]),
    "nobody among them": of("CENTRAL standard", [
        text for who in STRANGERS for text in (lists(who)[2], *others(who))
    ]),
    "PINs": of("CENTRAL standard", [*PINS, *lists("P1")[:4], *PINS, f"{others('P1')[0]}AD|"]),
    "other dialects, places and moments": interleaved(
        of("CENTRAL standard", [*lists("P1"), *others("P2")]),
        of("NORTH titles", [*lists("P1"), *others("P1")]),
        of("CENTRAL short", [*lists("1"), *lists("2", "BP1|BQ5|")[1:3], *others("1")]),
        of("ANNEX standard", [*lists("P2")[:3], *lists("P1")[2:3], *others("O1", "O-I1")]),
        of("CENTRAL standard", [*lists("P1"), *others("P2")], LATER),
        of("NORTH group", [*lists("P2")[2:], *others("O1", "O-I1")]),
    ),
    "more than one batch": of("CENTRAL titles", [
        text for number, one in enumerate(CROWD) for text in (lists(one)[number % 3], others(one, "I2")[0])
    ]),
    "for another institution": of("CENTRAL standard", [
        text.replace("AO|", "AOELSEWHERE|") if number % 2 else text
        for number, text in enumerate([*lists("P1"), *lists("P2"), *others("P1")])
    ]),
}  # fmt: skip


class Desk:
    """An ACS without connections. ``looks``: for how many errands was asked ahead, a batch each."""

    def __init__(self, url: str) -> None:
        self.store = Store.open(url)
        self.looks: list[int] = []
        with self.store.unit("start", writes=False) as unit:
            admission = Admission(unit.library, per_address=16)
        self.pins = Pins()
        known = {**profiles(None), **OWN}
        self.acs = Acs(self.store, self.pins, admission, known, catalogue(None), lambda: NOW)

    def bind(self, place: str) -> Binding:
        """A session of the branch's kiosk that speaks this profile; `group` looks through the group."""
        branch, profile = place.split()
        row = next(row for row in self.acs.library.terminals if row.name == f"kiosk-{branch.lower()}")
        group = profile == "group"
        row = msgspec.structs.replace(row, profile="standard" if group else profile, group_resolution=group)
        return Binding(row, row.branch_id)

    def errand(self, sent: Sent, answers: Answers, number: int = 0) -> Errand:
        """What a connection would send off."""
        place, raw, now = sent
        request = codec.parse_request(raw.encode(), STANDARD)
        assert request is not None
        writes, ahead = ROADS[request.code]
        assert (ahead is not None) is (request.code in FORESEEING)
        return Errand(
            request.code,
            None if ahead is None else self._look,
            writes,
            self.acs,
            self.bind(place),
            Exchange(0, False, code=request.code, body=raw.encode()),
            request,
            now,
            0.0,
            0,
            lambda _errand, answer, fault: answers.tell(number, answer, fault),
            Road(),
            "AD" in raw,
            b"",
        )

    def _look(self, unit: Unit, errands: list[Any]) -> None:
        """The road's own, counted."""
        self.looks.append(len(errands))
        ahead = ROADS["63"][1]
        assert ahead is not None
        ahead(unit, errands)

    def alone(self, sent: Sent) -> Told:
        """What one gets in a batch of its own."""
        answers = Answers(1)
        self.errand(sent, answers).submit()
        return answers.wait()[0]

    def together(self, batch: list[Sent], *between: Task) -> list[Told]:
        """What each gets in one batch, behind the tasks that go ``between``."""
        answers = Answers(len(batch))
        errands = [self.errand(sent, answers, number) for number, sent in enumerate(batch)]
        with busy(self.store):
            for number, errand in enumerate(errands):
                if number == 3:
                    for task in between:
                        self.store.send(False, task)
                errand.submit()
        told = answers.wait()
        assert all(errand.ran and errand.foreseen is None for errand in errands)
        return told


@pytest.fixture
def desk(databases: Databases) -> Iterator[Desk]:
    desk = Desk(databases.fresh(accounts))
    yield desk
    desk.pins.close()
    desk.store.close()


def shown(told: Told) -> tuple[Answer | None, object]:
    """The answer, or the fault with what it asks for."""
    fault = told.fault
    said = (
        (fault.subject, fault.stored) if isinstance(fault, PinNeeded) else fault and (type(fault), fault.args)
    )
    return told.value, said


def seen(batch: list[Sent]) -> list[int]:
    """For how many errands of a batch something is asked ahead, 64 at a time."""
    parts = (batch[start : start + 64] for start in range(0, len(batch), 64))
    return [sum(raw[:2] in FORESEEING for _, raw, _ in part) for part in parts]


@pytest.mark.parametrize("limited", [False, True], ids=["unlimited", "limited"])
@pytest.mark.parametrize("mix", MIXED)
def test_house_order_a_batch_is_answered_as_each_alone(desk: Desk, mix: str, limited: bool) -> None:
    """SP-5..SP-10: body, result and rule, or the PIN that must be hashed first."""
    if limited:
        limit(desk.store)
    batch = MIXED[mix]
    alone = [shown(desk.alone(sent)) for sent in batch]
    assert desk.looks == []
    assert [shown(told) for told in desk.together(batch)] == alone
    assert desk.looks == seen(batch)
    assert len({repr(one) for one in alone}) > len(batch) // 3


def test_cn5_pins_that_were_hashed_are_answered_with_the_rest(desk: Desk) -> None:
    """The verdict counts for the very hash it was made of."""
    asked = [*of("CENTRAL standard", [f"{others('P1')[0]}AD1234|", *lists("P1", "AD1234|")])]
    for checked, bodies in (("hash of P1", b"CQY"), ("an older hash", None)):
        answers = Answers(len(asked))
        errands = [desk.errand(sent, answers, number) for number, sent in enumerate(asked)]
        with busy(desk.store):
            for errand in errands:
                errand.checked = (checked, True)
                errand.submit()
        for told in answers.wait():
            if bodies is None:
                assert isinstance(told.fault, PinNeeded)
                assert told.value is None
            else:
                assert told.fault is None
                assert bodies in told.value.body


def fails_in_the_database(unit: Unit) -> None:
    unit.core.execute(text("SELECT nonsense FROM nowhere"))


def fails(_unit: Unit) -> None:
    raise LookupError


@pytest.mark.parametrize("work", [fails, fails_in_the_database])
def test_one_that_fails_does_not_harm_the_others(desk: Desk, work: Any) -> None:
    """PostgreSQL ends the snapshot, and with it what was foreseen."""
    batch = MIXED["one terminal"][:24]
    alone = [shown(desk.alone(sent)) for sent in batch]
    failed = Answers(1)
    task = Task("fails", work, lambda value, fault: failed.tell(0, value, fault))
    assert [shown(told) for told in desk.together(batch, task)] == alone
    assert failed.wait()[0].fault is not None


def test_cn7_a_branch_that_is_gone_harms_its_own_errands_alone(desk: Desk) -> None:
    """The others are still asked for at once, and served in one transaction."""
    batch = MIXED["one terminal"][:12]
    alone = [shown(desk.alone(sent)) for sent in batch]
    answers = Answers(len(batch) + 1)
    errands = [desk.errand(sent, answers, number) for number, sent in enumerate([*batch, batch[0]])]
    errands[-1].binding = msgspec.structs.replace(errands[-1].binding, branch_id=9999)
    before = desk.store.stats.transactions
    with busy(desk.store):
        for errand in errands:
            errand.submit()
    told = answers.wait()
    assert desk.store.stats.transactions - before == 2  # the one that kept the thread busy, and theirs
    assert [shown(one) for one in told[:-1]] == alone
    assert isinstance(told[-1].fault, KeyError)
    assert len(desk.looks) == 1


def test_cn7_what_was_foreseen_in_a_unit_that_ended_is_not_served(desk: Desk) -> None:
    """The branch's settings changed meanwhile (CN-4): the unit that serves it has another library."""
    sent = ("CENTRAL standard", lists("P1")[2], NOW)
    before, errand = desk.alone(sent).value, desk.errand(sent, Answers(1))
    with desk.store.unit("ends", writes=False) as unit:
        errand.foresee(unit)
    with desk.store.unit("change") as unit:
        unit.core.execute(tables.branch_sip2.update().values(send_personal_data=0))
        epoch.bump(unit)
    with desk.store.unit("serves", writes=False) as unit:
        served = errand.work(unit)
    assert served == desk.alone(sent).value
    assert served != before


def test_it_shows_neither_its_request_nor_a_hash(desk: Desk) -> None:
    """Secrets are in no repr."""
    errand = desk.errand(("CENTRAL standard", f"{others('P1')[0]}AD4711|", NOW), Answers(1))
    errand.checked = ("hash of P1", True)
    assert repr(errand) == str(errand) == "<Errand 23>"
    assert "4711" not in f"{errand}{[errand]}"


def test_which_messages_are_foreseen_together() -> None:
    """23 and 63 ask for the same, so by one function; what writes is never foreseen (CO-4)."""
    assert ROADS["23"][1] is ROADS["63"][1] is not None
    assert all(ahead is None for writes, ahead in ROADS.values() if writes)
    assert {code for code, (_, ahead) in ROADS.items() if ahead is not None} == set(FORESEEING)
