"""Linked accounts: what is copied, when, and what never is (BL-8, BL-60..BL-66, BL-68, PT-30)."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.desk.staff import block_definitions, block_descriptions, blocks, links, patrons
from sip2d.desk.staff.work import Refused, Work
from sip2d.store import links as stored
from sip2d.store import tables
from sip2d.store.executor import Store
from sip2d.store.snapshot import read_library
from tests.desk.staff.office import BOSS
from tests.rules.terminal import Kiosk
from tests.support.library import NOW, seconds

HOUR = timedelta(hours=1)


class Consortium:
    """Definitions N (network, LOAN) and L (local) at both institutions, C for copies; the boss at work."""

    def __init__(self, kiosk: Kiosk, *, copies_at: tuple[str, ...] = ("MAIN", "OTHER")) -> None:
        self.kiosk = kiosk
        for owner in ("MAIN", "OTHER"):
            self._define(owner, "N", "DAMAGE", "Damaged a book", "01", "LOAN", network=True)
            self._define(owner, "L", "NOISE", "Loud", "01", "USER", network=False)
        for owner in copies_at:
            self._define(owner, "C", "CONSORTIA", "Consortial block", "03", "CONSORTIAL", network=False)

    def _define(
        self, owner: str, code: str, of: str, text: str, action: str, type_: str, *, network: bool
    ) -> None:
        block_descriptions.add(self.work, of, text, institution_code=owner)
        block_definitions.save(
            self.work, code, new=True, description=of, action=action, type_=type_, network_block=network,
            institution_code=owner,
        )  # fmt: skip
        self.fresh()

    def fresh(self) -> None:
        """What was changed is seen."""
        self.kiosk.unit.library = read_library(self.kiosk.unit.core)

    @property
    def work(self) -> Work:
        """The boss, now."""
        self.kiosk.unit.writes = True  # an exchange before may only have read
        return Work(self.kiosk.unit, BOSS, self.kiosk.now)

    def link(self, target: str = "O1", source: str = "P1", **values: Any) -> Any:
        """OTHER's account linked to MAIN's; or the other way round, by the barcodes."""
        here, there = ("OTHER", "MAIN") if target == "O1" else ("MAIN", "OTHER")
        return links.add(
            self.work, target, there, source, institution_code=here, **{"copies": True, **values}
        )

    def block(self, barcode: str = "P1", definition: str = "N", until: str | None = None) -> int:
        """Block somebody; the block's id."""
        owner = "OTHER" if barcode == "O1" else "MAIN"
        made = blocks.block(self.work, barcode, definition=definition, until=until, institution_code=owner)
        return int(made["id"])

    def lift(self, block_id: int, barcode: str = "P1") -> None:
        """Lift it."""
        owner = "OTHER" if barcode == "O1" else "MAIN"
        blocks.unblock(self.work, barcode, block_id, institution_code=owner)

    def copies(self, **equal: object) -> list[dict[str, Any]]:
        """Copies that stand."""
        return self.kiosk.rows(tables.user_block, origin="NETWORK", removed_at=None, **equal)


@pytest.fixture
def town(kiosk: Kiosk) -> Consortium:
    """See `Consortium`."""
    return Consortium(kiosk)


def test_bl60_bl61_bl62_copied_when_the_link_is_made(town: Consortium) -> None:
    """BL-60..BL-63, BL-8: what the source marks, from source to target, as a consortial block of the target
    whose note says what it was; the end stays."""
    town.block(until="2026-03-31")
    town.block(definition="L")
    made = town.link()
    assert (made["copies"], made["up_to_date"]) == (1, True)
    (copy,) = town.copies()
    assert {name: copy[name] for name in ("patron_id", "definition", "type", "actions", "reason", "note",
                                          "original_type", "network_block", "link_id")} == {
        "patron_id": town.kiosk.world.patrons["O1"], "definition": "C", "type": "CONSORTIAL",
        "actions": "LOAN,RENEW,HOLD", "reason": "Consortial block", "note": "Original type: LOAN (MAIN)",
        "original_type": "LOAN", "network_block": 0, "link_id": made["id"],
    }  # fmt: skip
    assert copy["expires_at"] == town.kiosk.rows(tables.user_block, definition="N")[0]["expires_at"]
    (event,) = town.kiosk.rows(tables.audit_log, action="patron_link_refreshed")
    assert (event["entity"], event["entity_id"]) == ("patron_link", str(made["id"]))


def test_bl61_the_source_has_changed(town: Consortium) -> None:
    """BL-61, BL-8: another block, one that was lifted, the record itself, another network flag of a
    definition, the account deleted; a block that is not copied changes nothing."""
    link = town.link()["id"]

    def version() -> tuple[int, bool]:
        (row,) = links.listing(town.work, "OTHER")
        source = town.kiosk.rows(tables.patron, barcode="P1")[0]["source_version"]
        return source, row["up_to_date"]

    assert version() == (1, True)
    town.block(definition="L")
    assert version() == (1, True)
    made = town.block()
    assert version() == (2, False)
    links.refresh(town.work, link)
    assert version() == (2, True)
    town.lift(made)
    assert version() == (3, False)
    patrons.change(town.work, "P1", {"phone": "1"}, institution_code="MAIN")
    assert version() == (4, False)
    block_definitions.save(town.work, "L", new=False, network_block=True, institution_code="MAIN")
    assert version() == (5, False)
    assert links.refresh(town.work, link)["copies"] == 1
    block_definitions.save(town.work, "L", new=False, override="ALL", institution_code="MAIN")
    assert version() == (5, True)
    block_definitions.save(town.work, "L", new=False, network_block=False, institution_code="MAIN")
    assert version() == (6, False)
    assert links.refresh(town.work, link)["copies"] == 0
    patrons.remove(town.work, "P1", "MAIN")
    assert version() == (7, False)


def test_bl65_a_refresh_replaces_the_copies(town: Consortium) -> None:
    """The old ones are removed with the reason REFRESH; those of other origins stay."""
    town.block()
    other = town.block("O1", "L")
    link = town.link()["id"]
    (before,) = town.copies()
    town.block(until="2026-03-31")
    links.refresh(town.work, link)
    after = town.copies()
    assert len(after) == 2
    assert before["id"] not in {row["id"] for row in after}
    gone = town.kiosk.rows(tables.user_block, removed_reason="REFRESH")
    assert [row["id"] for row in gone] == [before["id"]]
    assert town.kiosk.rows(tables.user_block, id=other)[0]["removed_at"] is None


def test_bl65_what_has_run_out_is_not_copied(town: Consortium) -> None:
    town.block(until="2026-03-31")
    town.kiosk.later(days=30)
    assert town.link()["copies"] == 0


def test_bl64_a_link_that_copies_nothing(town: Consortium) -> None:
    """BL-64a: off is the default; turned off, the copies go."""
    town.block()
    link = town.link(copies=False)
    assert (link["copies"], link["copy_network_blocks"]) == (0, False)
    assert links.refresh(town.work, link["id"])["copies"] == 0
    assert links.change(town.work, link["id"], copies=True)["copies"] == 1
    assert links.change(town.work, link["id"], copies=False)["copies"] == 0


def test_bl64_the_target_needs_its_definition(kiosk: Kiosk) -> None:
    """BL-64b, c: type CONSORTIAL with the description CONSORTIA; without it nothing changes."""
    town = Consortium(kiosk, copies_at=("MAIN",))
    town.block()
    for _ in range(2):
        with pytest.raises(Refused, match="NO_CONSORTIAL_DEFINITION"), kiosk.unit.attempt():
            town.link()
        assert kiosk.rows(tables.patron_link) == []
        block_descriptions.add(town.work, f"OTHERS{_}", "Consortial block", institution_code="OTHER")
        block_definitions.save(
            town.work, f"X{_}", new=True, description=f"OTHERS{_}", action="03", type_="CONSORTIAL",
            institution_code="OTHER",
        )  # fmt: skip
        town.fresh()


def test_bl64_copies_never_flow_back(town: Consortium) -> None:
    """BL-64: nor on; a link the other way round is refused."""
    town.block()
    town.link()
    with pytest.raises(Refused, match="linked already"):
        town.link("P1", "O1")
    assert town.link("P2", "O1")["copies"] == 0
    town.block("O1")
    (onward,) = (row for row in links.listing(town.work, "MAIN", patron="P2"))
    assert links.refresh(town.work, onward["id"])["copies"] == 1
    assert {row["original_type"] for row in town.copies()} == {"LOAN"}
    assert blocks.listing(town.work, "P1", "MAIN")[0]["origin"] == "MANUAL"


def test_bl66_consortium_identifiers(town: Consortium) -> None:
    """No account is the primary one: nothing is refreshed or copied, and what was copied goes."""
    town.block()
    link = town.link(mode="consortium-id")
    assert (link["copies"], link["up_to_date"]) == (0, True)
    with pytest.raises(Refused, match="neither is the primary"):
        links.refresh(town.work, link["id"])
    assert stored.changed(town.kiosk.unit, town.kiosk.world.institutions["OTHER"], 0, 9) == []
    assert links.change(town.work, link["id"], mode="SOURCE_TARGET")["copies"] == 1
    assert links.change(town.work, link["id"], mode="CONSORTIUM_ID")["copies"] == 0
    with pytest.raises(Refused, match="no mode of links"):
        links.change(town.work, link["id"], mode="BOTH")


def test_bl60_two_institutions(town: Consortium) -> None:
    """A network has members: one institution is no network; who is not there is not linked."""
    for target, there, source in (("P1", "MAIN", "P2"), ("P1", "ELSEWHERE", "O1"), ("P1", "OTHER", "NOBODY")):
        with pytest.raises(Refused):
            links.add(town.work, target, there, source, institution_code="MAIN")


def test_bl65_unlinked(town: Consortium) -> None:
    """The copies go with the link; their rows stay."""
    town.block()
    link = town.link()["id"]
    assert links.remove(town.work, link)["copies"] == 0
    assert links.listing(town.work, "OTHER") == []
    (row,) = town.kiosk.rows(tables.user_block, origin="NETWORK")
    assert (row["removed_reason"], row["link_id"]) == ("LINK_ENDED", None)


def test_bl68_at_the_targets_kiosk(town: Consortium) -> None:
    """BL-68: a copy denies what the target's definition denies; lifted there it denies nothing."""
    kiosk = town.kiosk
    town.block(until="2026-03-31")
    town.link()
    with kiosk.standing_at("ANNEX"):
        told = kiosk.said("2300120260309    051500AOOTHER|AAO1|AC|")
        assert told.fixed[2:6] == "YYYY"
        assert kiosk.said("11YN20260309    051500" + " " * 18 + "AOOTHER|AAO1|ABO-I1|AC|").fixed[2] == "0"
        (copy,) = town.copies()
        town.lift(copy["id"], "O1")
        told = kiosk.said("2300120260309    051500AOOTHER|AAO1|AC|")
        assert told.fixed[2:6] == "    "


# -- PT-30 ---------------------------------------------------------------------------------------------------

PEOPLE = ("P1", "P1", "O1")
LINK = st.sampled_from((0, 0, 1))
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("block"), st.sampled_from(PEOPLE), st.sampled_from("NNL"), st.integers(0, 2)),
        st.tuples(st.just("lift"), st.integers(0, 3)),
        st.tuples(st.just("wait"), st.integers(1, 2)),
        st.tuples(st.just("refresh"), LINK),
        st.tuples(st.just("copies"), LINK, st.booleans()),
        st.tuples(st.just("mode"), LINK, st.sampled_from(links.MODES)),
    ),
    min_size=3,
    max_size=12,
)


class _TakenBack(Exception):
    pass


@contextmanager
def _a_day(store: Store) -> Iterator[Consortium]:
    """A consortium, and all taken back at the end."""
    with suppress(_TakenBack), store.unit("PT-30") as unit:
        yield Consortium(Kiosk(unit))
        raise _TakenBack


def _act(town: Consortium, ids: list[int], act: tuple[Any, ...]) -> int | None:
    """Do it; the link that was refreshed by it."""
    match act:
        case ("block", who, definition, hours):
            until = (town.kiosk.now + hours * HOUR).isoformat() if hours else None
            town.block(who, definition, until)
        case ("lift", number):
            standing = [
                row
                for row in town.kiosk.rows(tables.user_block, removed_at=None)
                if row["origin"] == "MANUAL"
            ]
            if standing:
                row = standing[number % len(standing)]
                who = town.kiosk.rows(tables.patron, id=row["patron_id"])[0]["barcode"]
                town.lift(row["id"], who)
        case ("wait", hours):
            town.kiosk.later(hours=hours)
        case ("refresh", which):
            with suppress(Refused):  # consortium identifiers
                links.refresh(town.work, ids[which])
                return int(ids[which])
        case ("copies", which, copies):
            links.change(town.work, ids[which], copies=copies)
        case ("mode", which, mode):
            links.change(town.work, ids[which], mode=mode)
    return None


def _wanted(town: Consortium, patron_id: int, now: datetime) -> Counter[tuple[str, int | None]]:
    """By hand: the network blocks of a source in force, by type and end."""
    return Counter(
        (row["type"], row["expires_at"])
        for row in town.kiosk.rows(tables.user_block, patron_id=patron_id, removed_at=None)
        if row["definition"] == "N" and (row["expires_at"] is None or row["expires_at"] > seconds(now))
    )


def _holds(town: Consortium, refreshed: int | None) -> None:
    now = town.kiosk.now
    for link in town.kiosk.rows(tables.patron_link):
        found = town.copies(link_id=link["id"])
        assert all(row["patron_id"] == link["target_patron_id"] for row in found)
        assert all((row["type"], row["network_block"]) == ("CONSORTIAL", 0) for row in found)
        if link["mode"] == "CONSORTIUM_ID" or not link["copy_network_blocks"]:
            assert found == []
            continue
        wanted = _wanted(town, link["source_patron_id"], now)
        copied = Counter((row["original_type"], row["expires_at"]) for row in found)
        if link["id"] == refreshed:
            assert copied == wanted
        source = town.kiosk.rows(tables.patron, id=link["source_patron_id"])[0]
        if source["source_version"] == link["source_version"]:  # nothing for the job to do
            counting = {key: n for key, n in copied.items() if key[1] is None or key[1] > seconds(now)}
            assert counting == wanted


@given(acts=ACTS)
def test_pt30_copies_are_the_sources_network_blocks(rules_store: Store, acts: list[tuple[Any, ...]]) -> None:
    """PT-30: after a refresh a bijection; without one as long as the source is the same version; copies are
    never copied on; a link of consortium identifiers has none."""
    with _a_day(rules_store) as town:
        for until in (None, (NOW + HOUR).isoformat()):
            town.block("P1", "N", until)
            town.block("O1", "N", until)
        ids = [town.link()["id"], town.link("P2", "O1")["id"]]
        for act in acts:
            _holds(town, _act(town, ids, act))
