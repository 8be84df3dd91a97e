"""The commands about blocks, from files and with every option, on both databases (BL-2, BL-10, BL-14,
BL-30)."""

from pathlib import Path

from tests.cli.shell import Shell

MAIN = "--institution MAIN --as boss"


def test_bl2_import(library: Shell, tmp_path: Path) -> None:
    """What was loaded, as a sentence a program reads; a fault with its line, and nothing is loaded."""
    file = tmp_path / "reasons.csv"
    file.write_text("code,description,enabled,default\nDAMAGE,Damage,,yes\nNEW,Something new,no,\n")
    found = library(f"block-description import {file} {MAIN}").json
    assert found == {"added": 1, "changed": 1, "unchanged": 0}
    rows = library(f"block-description list {MAIN}").json
    assert [(row["code"], row["enabled"], row["default"]) for row in rows] == [
        ("DAMAGE", True, True), ("NOISE", True, False), ("NEW", False, False),
    ]  # fmt: skip
    epoch = library.epoch
    file.write_text("code,description\nDAMAGE,Other\nX,\n")
    assert "Line 3" in library(f"block-description import {file} {MAIN}", code=65).err
    assert library.epoch == epoch


def test_bl30_the_table_from_a_file(library: Shell, tmp_path: Path) -> None:
    """The set replaces what was there."""
    file = tmp_path / "points.csv"
    file.write_text("patron_type,item_type,points_overdue,points_recall\nADULT,BOOK,3,5\nALL,DVD,3,6\n")
    wanted = [
        {"patron_type": "ADULT", "item_type": "BOOK", "points_overdue": 3, "points_recall": 5},
        {"patron_type": "ALL", "item_type": "DVD", "points_overdue": 3, "points_recall": 6},
    ]
    assert library(f"demerit save {file} {MAIN}").json == wanted
    assert library(f"demerit list {MAIN}").json == wanted


def test_bl10_bl14_blocked_seen_and_lifted(library: Shell) -> None:
    """With every option; the list of patrons marks him."""
    made = library(f"patron block P1 --description DAMAGE --until 2099-12-31 {MAIN} --note", "Page 7").json
    assert (made["definition"], made["expires"], made["note"]) == ("D", "2099-12-31T22:59:59+00:00", "Page 7")
    assert library(f"patron blocks P1 {MAIN}").json == [made]
    rows = library(f"patron list {MAIN}").json
    assert [row["barcode"] for row in rows if row["blocked"]] == ["P-STAFF", "P1"]
    library(f"patron unblock P1 --block {made['id']} --reason paid {MAIN}")
    assert library(f"patron blocks P1 {MAIN}").json == []
    (row,) = library(f"patron blocks P1 --all {MAIN}").json
    assert (row["state"], row["removed_reason"]) == ("REMOVED", "paid")


def test_bl4_bl5_refusals_are_sentences(library: Shell) -> None:
    """Exit code 65, one line each."""
    for line, said in (
        (f"block-definition remove D {MAIN}", "IN_USE"),
        (f"block-description remove DAMAGE {MAIN}", "IN_USE"),
        ("block-action remove 01 --as boss", "preset"),
        (f"block-definition add C --description DAMAGE --action 01 --type consortial --network {MAIN}",
         "CONSORTIAL_BLOCK_NOT_COPYABLE"),
    ):  # fmt: skip
        assert said in library(line, code=65).err
