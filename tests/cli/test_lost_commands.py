"""`sip2d lost-value`, `item lost`, `item found`, `hold to-pull`, `hold lost` (LO-48, LO-54, LO-72, GN-7,
GN-8)."""

import pytest

from tests.cli.shell import Shell

SETTINGS = (
    "settings set CanMarkHoldsToPullAsLost allow --institution MAIN --as boss",
    "settings set UpdateItemWhenLostFromHoldList 1 --institution MAIN --as boss",
)


def add(shell: Shell, code: int, *more: str) -> None:
    shell(f"lost-value add {code} Lost --institution MAIN --as boss", *more)


def test_lo48_the_list_is_the_librarys_own(library: Shell) -> None:
    assert library("lost-value list --institution MAIN --as boss").json == []
    epoch = library.epoch
    add(library, 2, "--claim")
    assert library.epoch > epoch
    changed = library("lost-value set 2 --no-claim --blocks-checkin --institution MAIN --as boss").json
    assert (changed["claims_returned"], changed["blocks_checkin"], changed["is_auto"]) == (False, True, False)
    library("lost-value set 2 --institution MAIN --as boss --description", "Gone for good")
    (row,) = library("lost-value list --institution MAIN --as boss").json
    assert row["description"] == "Gone for good"
    assert library.rows("SELECT entity, action FROM audit_log WHERE entity = 'lost_value' ORDER BY id") == [
        ("lost_value", "add"), ("lost_value", "set"), ("lost_value", "set"),
    ]  # fmt: skip
    library("lost-value remove 2 --institution MAIN --as boss")
    assert library("lost-value list --institution MAIN --as boss").json == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lost-value add 0 Lost", "from 1 to 999999"),
        ("lost-value add 1 Again", "already"),
        ("lost-value set 9 --auto", "no lost value 9"),
        ("lost-value remove 9", "no lost value 9"),
        ("lost-value remove 1", "1 items"),
        ("lost-value remove 2", "A setting"),
        ("item lost I1 --value 9", "no lost value 9 in MAIN; there is 1, 2"),
        ("item lost I1 --value 1 --source cronjob", "no place to set an item lost 'CRONJOB'"),
        ("item found I1", "is not lost"),
        ("hold lost 99", "no hold 99"),
        ("hold lost 1", "does not allow"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(sqlite_library: Shell, line: str, said: str) -> None:
    """The small library has one item in the status 1."""
    add(sqlite_library, 1)
    add(sqlite_library, 2)
    sqlite_library("settings set DefaultLongOverdueChargeValue 2 --institution MAIN --as boss")
    assert said in sqlite_library(f"{line} --institution MAIN --as boss", code=65).err


def test_lo54_lost_and_found_by_hand(library: Shell) -> None:
    """I1 is on loan to P2: the charges are those of its type; found, the loan goes on."""
    add(library, 1)
    shown = library("item lost I1 --value 1 --institution MAIN --as boss").json
    assert (shown["lost_status"], shown["patron_owes_minor"]) == (1, 2000 + 200)
    assert library.rows("SELECT kind, interface FROM loan_event ORDER BY id DESC LIMIT 1") == [
        ("LOST", "STAFF")
    ]
    assert library.rows("SELECT lost_origin FROM item WHERE barcode = 'I1'") == [("MOREDETAIL",)]
    found = library("item found I1 --institution MAIN --as boss").json
    assert (found["lost_status"], found["notes"]) == (0, ["RETURN_OK_FEE_REFUNDED"])
    assert found["due_at"] is not None
    actions = "SELECT actor, action FROM audit_log WHERE entity = 'item' ORDER BY id"
    assert library.rows(actions) == [("boss", "LOSE"), ("boss", "FIND")]


def test_an_item_lost_before_anybody_charged_for_it_is_found(library: Shell) -> None:
    assert library("item found I-LOST --institution MAIN --as boss").json["notes"] == []


def test_lo72_holds_to_pull_and_lost_from_there(library: Shell) -> None:
    add(library, 1)
    for line in SETTINGS:
        library(line)
    (line,) = library("hold to-pull --institution MAIN --as boss").json
    assert (line["item"], line["patron"], line["branch"], line["on_item"]) == ("I3", "P1", "CENTRAL", False)
    assert "on a title" in library(f"hold lost {line['hold']} --institution MAIN --as boss", code=65).err
    made = library("hold add P2 --item I5 --institution MAIN --as boss").json["id"]
    assert len(library("hold to-pull --branch CENTRAL --institution MAIN --as boss").json) == 2
    done = library(f"hold lost {made} --institution MAIN --as boss").json
    assert (done["status"], done["notice"]) == ("CANCELLED", None)
    assert library.rows("SELECT lost_status, lost_origin FROM item WHERE barcode = 'I5'") == [
        (1, "PENDINGRESERVES")
    ]
    assert len(library("hold to-pull --institution MAIN --as boss").json) == 1


def test_lo74_the_warning_is_told(sqlite_library: Shell) -> None:
    add(sqlite_library, 1)
    for line in SETTINGS:
        sqlite_library(line.replace(" allow ", " allow_and_notify "))
    made = sqlite_library("hold add P2 --item I5 --institution MAIN --as boss").json["id"]
    done = sqlite_library(f"hold lost {made} --institution MAIN --as boss")
    assert "no e-mail address" in done.err


@pytest.mark.parametrize(
    "line",
    [
        "lost-value add 3 Lost",
        "lost-value set 1 --auto",
        "lost-value remove 1",
        "item lost I1 --value 1",
        "item found I-LOST",
        "hold lost 1",
    ],
)
def test_nobody_without_a_role_changes_anything(sqlite_library: Shell, line: str) -> None:
    """GN-8, GN-7: 77, and an audit row that says somebody tried."""
    add(sqlite_library, 1)
    sqlite_library.change("INSERT INTO staff_account (login, roles) VALUES ('reader', '[]')")
    audited = sqlite_library.audited
    assert "'reader' may not" in sqlite_library(f"{line} --institution MAIN --as reader", code=77).err
    assert sqlite_library.audited == audited + 1
