"""Sort bin rules (HO-8): an ordered list, numbered without gaps, asked from the top."""

import pytest

from sip2d.desk.staff import inquiries, sortbins
from sip2d.desk.staff.work import Denied, Refused
from tests.desk.staff.office import CLERK, Office
from tests.support.desks import Room


def bins(office: Office, branch: str = "CENTRAL") -> list[tuple[int, str]]:
    rows = office.see(lambda work: sortbins.listing(work, branch))
    return [(row["rank"], row["bin"]) for row in rows]


def test_rules_keep_their_order(room: Room) -> None:
    """Last without a rank; before the rule that stands there with one."""
    office = Office(room)
    office.do(lambda work: sortbins.add(work, "9", "CENTRAL"))
    first = office.do(
        lambda work: sortbins.add(work, "1", "CENTRAL", rank=1, item_type="DVD", routing="shelf")
    )
    office.do(lambda work: sortbins.add(work, "2", "CENTRAL", rank=2, call_number="84*", collection="AD"))
    assert bins(office) == [(1, "1"), (2, "2"), (3, "9")]
    assert (first["rank"], first["item_type"], first["routing"]) == (1, "DVD", "SHELF")
    rules = office.library.sort_bins[room.world.branches["CENTRAL"]]
    assert [rule.bin for rule in rules] == ["1", "2", "9"]
    removed = office.do(lambda work: sortbins.remove(work, first["id"]))
    assert (removed["bin"], removed["rank"]) == ("1", 1)
    assert bins(office) == [(1, "2"), (2, "9")]
    assert bins(office, "NORTH") == []
    assert office.audited == [("boss", "sort_bin_rule", act) for act in ("add", "add", "add", "remove")]


def test_the_test_of_an_item_asks_the_rules_in_that_order(room: Room) -> None:
    """`sortbin test` and `sortbin list` count alike."""
    office = Office(room)
    office.do(lambda work: sortbins.add(work, "DVDS", "CENTRAL", item_type="DVD"))
    office.do(lambda work: sortbins.add(work, "REST", "CENTRAL"))
    found = office.see(lambda work: inquiries.sort_bin(work, "I1", institution_code="MAIN"))
    assert found["sort_bin"] == "REST"
    assert [(row["rank"], row["differs"]) for row in found["rules"]] == [(1, ["item type"]), (2, [])]


@pytest.mark.parametrize(
    ("bin", "fits", "said"),
    [
        ("", {}, "1 to 255"),
        ("A|B", {}, "no |"),
        ("1", {"routing": "AWAY"}, "no routing"),
        ("1", {"item_type": "DVDS"}, "did you mean 'DVD'"),
        ("1", {"holding_branch": "SOUTH"}, "no branch"),
        ("TWICE", {"routing": "SHELF"}, "already"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(room: Room, bin: str, fits: dict[str, str], said: str) -> None:
    office = Office(room)
    office.do(lambda work: sortbins.add(work, "TWICE", "CENTRAL", routing="SHELF"))
    with pytest.raises(Refused, match=said):
        office.do(
            lambda work: sortbins.add(
                work, bin, "CENTRAL", rank=None, routing=fits.get("routing"), item_type=fits.get("item_type"),
                holding_branch=fits.get("holding_branch"),
            )
        )  # fmt: skip
    assert bins(office) == [(1, "TWICE")]


def test_an_unknown_rule_cannot_be_removed(room: Room) -> None:
    with pytest.raises(Refused, match="no sort bin rule 7"):
        Office(room).do(lambda work: sortbins.remove(work, 7))


def test_a_clerk_changes_nothing(room: Room) -> None:
    """GN-8."""
    made = Office(room).do(lambda work: sortbins.add(work, "1", "CENTRAL"))
    clerk = Office(room, CLERK)
    with pytest.raises(Denied):
        clerk.do(lambda work: sortbins.add(work, "2", "CENTRAL"))
    with pytest.raises(Denied):
        clerk.do(lambda work: sortbins.remove(work, made["id"]))
