"""Descriptions, definitions, actions and the demerit table (BL-1..BL-9, BL-21, BL-30, BL-64, BL-67)."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sip2d.desk.staff import (
    block_actions,
    block_definitions,
    block_descriptions,
    demerit_rules,
    links,
    policyset,
    settings,
)
from sip2d.desk.staff.work import Denied, Refused, Work
from sip2d.store import tables
from tests.desk.staff.blocking import CIRC, FULFILMENT, block, define, describe, lift, redefine, seen
from tests.desk.staff.office import Office
from tests.support.databases import Databases
from tests.support.desks import Room, opened, prepare


@pytest.fixture
def office(sqlite_databases: Databases) -> Iterator[Office]:
    """The boss, and the descriptions DAMAGE and OLD, the second of them disabled."""
    with opened(sqlite_databases.fresh(prepare)) as room:
        yield furnished(room)


@pytest.fixture
def everywhere(room: Room) -> Office:
    """The same, on each database."""
    return furnished(room)


def furnished(room: Room) -> Office:
    """See `office`."""
    office = Office(room)
    describe(office, "DAMAGE", "Damaged a book")
    describe(office, "OLD", "Not used any more", enabled=False)
    return office


def listed(office: Office) -> list[tuple[str, bool, bool]]:
    """Codes with what they are: enabled, default."""
    rows = office.see(lambda work: block_descriptions.listing(work, "MAIN"))
    return [(row["code"], row["enabled"], row["default"]) for row in rows]


def redescribe(office: Office, code: str, **values: Any) -> None:
    """Change a description."""
    office.do(lambda work: block_descriptions.change(work, code, institution_code="MAIN", **values))


def loaded(office: Office, text: str) -> Any:
    """A file of descriptions."""
    return office.do(lambda work: block_descriptions.load(work, text.encode(), "MAIN"))


# -- descriptions --------------------------------------------------------------------------------------------


def test_bl1_a_definition_references_an_enabled_description(office: Office) -> None:
    """BL-1; and a definition keeps one that is disabled later (BL-2)."""
    for description, said in (("NONE", "no block description"), ("OLD", "is disabled")):
        with pytest.raises(Refused, match=said):
            define(office, "D", description=description)
    define(office, "D")
    redescribe(office, "DAMAGE", enabled=False)
    assert redefine(office, "D", action="03")["description"] == "DAMAGE"


def test_bl2_at_the_end_and_reordered(office: Office) -> None:
    describe(office, "LATE")
    assert [code for code, *_ in listed(office)] == ["DAMAGE", "OLD", "LATE"]
    office.do(lambda work: block_descriptions.order(work, ["LATE", "DAMAGE"], "MAIN"))
    assert [code for code, *_ in listed(office)] == ["LATE", "DAMAGE", "OLD"]
    with pytest.raises(Refused, match="no block description 'LOTE'; did you mean 'LATE'"):
        office.do(lambda work: block_descriptions.order(work, ["LOTE"], "MAIN"))


def test_bl2_one_default_at_most(everywhere: Office) -> None:
    """The last one said; a disabled one is none, the default is not disabled."""
    describe(everywhere, "A", default=True)
    describe(everywhere, "B", default=True)
    assert [code for code, _, default in listed(everywhere) if default] == ["B"]
    for change in ({"enabled": False}, {"enabled": False, "default": True}):
        with pytest.raises(Refused, match="cannot be the default"):
            redescribe(everywhere, "B", **change)
    redescribe(everywhere, "B", default=False)
    assert [code for code, _, default in listed(everywhere) if default] == []


def test_bl2_code_and_text_are_edited(everywhere: Office) -> None:
    """What is blocked for it is told in the new words at once."""
    define(everywhere, "D")
    block(everywhere)
    redescribe(everywhere, "DAMAGE", new_code="DIRT", text="Spilt coffee")
    assert [row["description"] for row in seen(everywhere)] == ["Spilt coffee"]
    definitions = everywhere.see(lambda work: block_definitions.listing(work, "MAIN"))
    assert [(row["description"], row["text"]) for row in definitions] == [("DIRT", "Spilt coffee")]
    with pytest.raises(Refused, match="already"):
        redescribe(everywhere, "DIRT", new_code="OLD")


def test_bl2_not_deleted_while_referenced(office: Office) -> None:
    """BL-2: IN_USE."""
    define(office, "D")
    with pytest.raises(Refused, match=r"IN_USE.*D"):
        office.do(lambda work: block_descriptions.remove(work, "DAMAGE", "MAIN"))
    office.do(lambda work: block_definitions.remove(work, "D", "MAIN"))
    office.do(lambda work: block_descriptions.remove(work, "DAMAGE", "MAIN"))
    assert [code for code, *_ in listed(office)] == ["OLD"]


def test_bl2_disabled_keeps_blocks_and_takes_no_new_ones(office: Office) -> None:
    define(office, "D")
    block(office)
    redescribe(office, "DAMAGE", enabled=False)
    assert [row["state"] for row in seen(office)] == ["IN_FORCE"]
    for said in ({}, {"description": "DAMAGE"}):
        with pytest.raises(Refused, match="not for new blocks"):
            block(office, **said)


def test_bl2_a_list_is_imported(everywhere: Office) -> None:
    """A known code is changed, a new one added; what is left out stays."""
    assert loaded(
        everywhere,
        "code;description;enabled;default\nOLD;Old;yes;\nNEW;New, and more;;true\nOTHER;Other;no;\n"
        "DAMAGE;Damaged a book;;\n",
    ) == {"added": 2, "changed": 1, "unchanged": 1}
    assert listed(everywhere) == [
        ("DAMAGE", True, False), ("OLD", True, False), ("NEW", True, True), ("OTHER", False, False),
    ]  # fmt: skip
    assert loaded(everywhere, "code,description\nNEW,Newer\n") == {"added": 0, "changed": 1, "unchanged": 0}
    assert listed(everywhere)[2] == ("NEW", True, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("code\nA\n", "names the columns"),
        ("code,description,color\nA,B,C\n", "no column of this file 'color'"),
        ("code,description\nA,\n", "Line 2: A block description has a text"),
        ("code,description\nA,B\nA,C\n", "Line 3: 'A' stands twice"),
        ("code,description,default\nA,B,yes\nC,D,yes\n", "Line 3: one description at most"),
        ("code,description,enabled\nA,B,perhaps\n", "Line 2: enabled must be true or false"),
        ("code,description\nA,B,C\n", "Line 2: it has 3 cells"),
        ("code,description,enabled,default\nA,B,no,yes\n", "cannot be the default"),
    ],
)
def test_bl2_a_bad_list_changes_nothing(office: Office, text: str, said: str) -> None:
    before = listed(office)
    with pytest.raises(Refused, match=said):
        loaded(office, text)
    assert listed(office) == before


# -- definitions ---------------------------------------------------------------------------------------------


def test_bl9_a_new_definition_comes_last_and_counts_at_once(office: Office) -> None:
    """BL-7, BL-8: overridden by OPERATOR and not copied, unless it is said."""
    assert define(office, "Z") == {
        "id": "Z", "description": "DAMAGE", "text": "Damaged a book", "action": "02",
        "denies": "LOAN,RENEW", "type": "USER", "override": "OPERATOR", "network_block": False, "blocks": 0,
    }  # fmt: skip
    define(office, "A", type_="cash", override="circdesk", network_block=True)
    known = office.library.block_definitions[office.room.world.institutions["MAIN"]]
    assert [(one.code, one.type, one.override, one.network_block) for one in known.values()] == [
        ("Z", "USER", "OPERATOR", False), ("A", "CASH", "CIRCDESK", True),
    ]  # fmt: skip
    assert office.library.block_definitions[office.room.world.institutions["OTHER"]] == {}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param({"type_": "FINE"}, "no block type 'FINE'", id="BL-6-types"),
        pytest.param({"override": "ANYBODY"}, "no override 'ANYBODY'", id="BL-7-override"),
        pytest.param({"action": "04"}, "no block action '04'", id="BL-5-action"),
        pytest.param({"action": None}, "has a description and an action", id="BL-4-needed"),
        pytest.param(
            {"type_": "CONSORTIAL", "network_block": True}, "CONSORTIAL_BLOCK_NOT_COPYABLE", id="BL-64"
        ),
    ],
)
def test_bl4_what_a_definition_cannot_be(office: Office, values: dict[str, Any], said: str) -> None:
    with pytest.raises(Refused, match=said):
        define(office, "D", **values)
    assert office.see(lambda work: block_definitions.listing(work, "MAIN")) == []


def test_bl64_nor_become(office: Office) -> None:
    define(office, "C", type_="CONSORTIAL")
    with pytest.raises(Refused, match="CONSORTIAL_BLOCK_NOT_COPYABLE"):
        redefine(office, "C", network_block=True)


@pytest.mark.parametrize("code", ["OVERDUES", "SIP2_CARD_BLOCK", "", "x" * 41])
def test_bl4_ids_that_are_none(office: Office, code: str) -> None:
    """LO-21 and CO-31 name their own blocks."""
    with pytest.raises(Refused):
        define(office, code)


def test_bl4_there_is_one_of_an_id(office: Office) -> None:
    """And the id is never another: there is no way to say it."""
    define(office, "D")
    with pytest.raises(Refused, match="already"):
        define(office, "D")
    with pytest.raises(Refused, match="no block definition 'E'"):
        redefine(office, "E", action="01")


def test_bl4_blocks_in_force_follow_their_definition(everywhere: Office) -> None:
    """Actions, override, type, text and network flag; those removed, of other patrons' institutions or of
    other definitions stay."""
    describe(everywhere, "LOUD", "Loud")
    define(everywhere, "D")
    define(everywhere, "E")
    describe(everywhere, "DAMAGE", owner="OTHER")
    define(everywhere, "D", owner="OTHER")
    block(everywhere, definition="E")
    gone = block(everywhere, note="gone")["id"]
    lift(everywhere, gone)
    block(everywhere, note="stands")
    block(everywhere, "O1", "OTHER")
    redefine(
        everywhere, "D", description="LOUD", action="05", type_="GENERAL", override="ALL", network_block=True
    )
    columns = ("type", "denies", "override", "description")
    told = [tuple(row[name] for name in columns) for row in seen(everywhere, ended=True)]
    before = ("USER", "LOAN,RENEW", "OPERATOR", "Damaged a book")
    assert told == [before, before, ("GENERAL", "LOAN,RENEW,HOLD,ILL", "ALL", "Loud")]
    assert [row["network_block"] for row in everywhere.room.rows(tables.user_block)] == [0, 0, 1, 0]
    assert seen(everywhere, "O1", "OTHER")[0]["denies"] == "LOAN,RENEW"


def test_bl4_not_deleted_while_it_blocks_somebody(office: Office) -> None:
    define(office, "D")
    made = block(office)["id"]
    with pytest.raises(Refused, match="IN_USE"):
        office.do(lambda work: block_definitions.remove(work, "D", "MAIN"))
    lift(office, made)
    office.do(lambda work: block_definitions.remove(work, "D", "MAIN"))
    assert office.see(lambda work: block_definitions.listing(work, "MAIN")) == []


@pytest.mark.parametrize("type_", ["DEMERIT", "CONSORTIAL"])
def test_bl6_frozen_while_it_blocks_somebody(office: Office, type_: str) -> None:
    """In both directions; the other types inform and no more."""
    define(office, "D", type_=type_)
    made = block(office)["id"]
    with pytest.raises(Refused, match=f"stays {type_}"):
        redefine(office, "D", type_="USER")
    redefine(office, "D", action="03")
    lift(office, made)
    redefine(office, "D", type_="LOAN")
    block(office)
    redefine(office, "D", type_="CASH")
    with pytest.raises(Refused, match="stays CASH"):
        redefine(office, "D", type_=type_)


def test_bl33_one_definition_of_type_demerit(office: Office) -> None:
    """BL-33: the single one of its type."""
    define(office, "D", type_="DEMERIT")
    with pytest.raises(Refused, match="has a definition of type DEMERIT already: D"):
        define(office, "E", type_="DEMERIT")


# -- actions -------------------------------------------------------------------------------------------------


def test_bl5_presets_and_the_sites_own(everywhere: Office) -> None:
    """BL-5, BL-47: the four presets stay; others come and go."""
    rows = everywhere.see(block_actions.listing)
    assert [(row["code"], row["actions"], row["preset"]) for row in rows] == [
        ("01", ["LOAN"], True), ("02", ["LOAN", "RENEW"], True), ("03", ["LOAN", "RENEW", "HOLD"], True),
        ("05", ["LOAN", "RENEW", "HOLD", "ILL"], True),
    ]  # fmt: skip
    made = everywhere.do(lambda work: block_actions.add(work, "H", ["ill", "hold"]))
    assert made == {"code": "H", "actions": ["HOLD", "ILL"], "preset": False}
    define(everywhere, "D", action="H")
    for code, said in (("01", "preset"), ("H", "IN_USE"), ("X", "no block action")):
        with pytest.raises(Refused, match=said):
            everywhere.do(functools.partial(block_actions.remove, code=code))
    for code, words, said in (("H", ["LOAN"], "already"), ("I", ["SING"], "SING"), ("I", [], "denies some")):
        with pytest.raises(Refused, match=said):
            everywhere.do(functools.partial(block_actions.add, code=code, words=words))
    redefine(everywhere, "D", action="01")
    everywhere.do(lambda work: block_actions.remove(work, "H"))


# -- the demerit table ---------------------------------------------------------------------------------------


def table(office: Office) -> list[tuple[Any, ...]]:
    """Its rows."""
    return [tuple(row.values()) for row in office.see(lambda work: demerit_rules.listing(work, "MAIN"))]


def put(office: Office, *cells: str) -> None:
    """One row."""
    office.do(lambda work: demerit_rules.put(work, *cells, institution_code="MAIN"))


def test_bl30_row_by_row(office: Office) -> None:
    """BL-30, BL-31: ALL where it does not matter, one row a place, in the order in which they are asked."""
    put(office, "ALL", "ALL", "1", "1")
    put(office, "all", "BOOK", "3", "6")
    put(office, "ADULT", "", "1", "2")
    put(office, "ADULT", "DVD", "9", "9")
    put(office, "ADULT", "DVD", "4", "8")
    assert table(office) == [
        ("ADULT", "DVD", 4, 8), ("ADULT", "ALL", 1, 2), ("ALL", "BOOK", 3, 6), ("ALL", "ALL", 1, 1),
    ]  # fmt: skip
    assert len(office.library.demerit_rules[office.room.world.institutions["MAIN"]]) == 4
    office.do(lambda work: demerit_rules.remove(work, "ADULT", "ALL", "MAIN"))
    assert len(table(office)) == 3
    with pytest.raises(Refused, match="no row for CHILD"):
        office.do(lambda work: demerit_rules.remove(work, "CHILD", "ALL", "MAIN"))


def test_bl30_saved_as_a_set(everywhere: Office) -> None:
    """What was there is replaced; a fault anywhere leaves all as it was."""
    put(everywhere, "CHILD", "ALL", "7", "7")
    head = "patron_type,item_type,points_overdue,points_recall\n"
    saved = f"{head}ADULT,BOOK,3,5\nALL,DVD,3,6\n,,0,1\n"
    everywhere.do(lambda work: demerit_rules.save(work, saved.encode(), "MAIN"))
    wanted = [("ADULT", "BOOK", 3, 5), ("ALL", "DVD", 3, 6), ("ALL", "ALL", 0, 1)]
    assert table(everywhere) == wanted
    bad = f"{head}ADULT,BOOK,3,5\nADULT,BOOK,1,1\nNOBODY,BOOK,1,1\nADULT,ALL,-1,1\n"
    with pytest.raises(Refused) as refused:
        everywhere.do(lambda work: demerit_rules.save(work, bad.encode(), "MAIN"))
    told = str(refused.value).splitlines()
    assert [line.split(":")[0] for line in told] == ["Line 3", "Line 4", "Line 5"]
    assert table(everywhere) == wanted


# -- who may -------------------------------------------------------------------------------------------------

ACTS: dict[str, Callable[[Work], object]] = {
    "description": lambda work: block_descriptions.add(work, "X", "X", institution_code="MAIN"),
    "definition": lambda work: block_definitions.save(
        work, "X", new=True, description="DAMAGE", action="01", institution_code="MAIN"
    ),
    "demerit table": lambda work: demerit_rules.put(work, "ALL", "ALL", "1", "1", institution_code="MAIN"),
    "demerit settings": lambda work: settings.change(work, "demerit_history_days", "30", "MAIN"),
    "policy set": lambda work: policyset.apply(work, {"demerits": [{"points_overdue": 1}]}, "MAIN"),
    "link": lambda work: links.add(work, "P1", "OTHER", "O1", institution_code="MAIN"),
}


@pytest.mark.parametrize("act", ACTS)
def test_bl21_bl67_who_may_configure_blocks(office: Office, act: str) -> None:
    """BL-21, BL-67: a general or a fulfilment administrator; the circulation administrator does not."""
    with pytest.raises(Denied):
        Office(office.room, CIRC).do(ACTS[act])
    Office(office.room, FULFILMENT).do(ACTS[act])


def test_bl5_actions_are_the_general_administrators(office: Office) -> None:
    with pytest.raises(Denied):
        Office(office.room, FULFILMENT).do(lambda work: block_actions.add(work, "H", ["HOLD"]))
    office.do(lambda work: block_actions.add(work, "H", ["HOLD"]))


# -- policy sets ---------------------------------------------------------------------------------------------


def applied(office: Office, **changes: Any) -> None:
    """The institution's own export with these definitions' values changed (None: without it)."""
    document = office.see(lambda work: policyset.export(work, "MAIN"))
    rows = [
        {**row, **changes.get(row["code"], {})}
        for row in document["block_definitions"]
        if changes.get(row["code"], {}) is not None
    ]
    office.do(lambda work: policyset.apply(work, {"block_definitions": rows}, "MAIN"))


def test_bl4_a_policy_set_goes_the_same_way(everywhere: Office) -> None:
    """Its changes reach the blocks in force, and meet the same refusals."""
    define(everywhere, "D", type_="DEMERIT")
    block(everywhere)
    applied(everywhere, D={"action": "05", "override": "NONE"})
    assert [(row["denies"], row["override"]) for row in seen(everywhere)] == [("LOAN,RENEW,HOLD,ILL", "NONE")]
    for change, said in ((None, "IN_USE"), ({"type": "USER"}, "stays DEMERIT")):
        with pytest.raises(Refused, match=said):
            applied(everywhere, D=change)
    with pytest.raises(Refused, match="IN_USE"):
        everywhere.do(lambda work: policyset.apply(work, {"block_descriptions": []}, "MAIN"))
