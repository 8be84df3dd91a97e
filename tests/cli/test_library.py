"""`sip2d library`: the policy set as files. Applying an export changes nothing; a difference can be read."""

import tomllib
from pathlib import Path

import pytest

from tests.cli.shell import Shell, furnish
from tests.support.databases import Databases

SETUP = (
    "patron-type set ADULT --overdue-notices --limit bills_limit=12.50 --institution MAIN",
    "settings preset lost-item-automation --institution MAIN",
    "calendar hours set mon-fri=9-12,14-19 sun=closed --institution MAIN",
    "calendar closure add 2030-05-01 --title Holiday --institution MAIN",
    "calendar exception add 2030-05-01 --institution MAIN",
    "text set LOAN_LIMIT Enough --institution MAIN",
    "sortbin add 3 --branch NORTH --routing TRANSIT",
    "rule add fine_amount 0.25 --branch NORTH --institution MAIN",
    "rule add fine_amount 0.50 --branch CENTRAL --from 2030-01-01T00:00:00Z --institution MAIN",
)
ROWS = (
    "INSERT INTO membership_policy (institution_id, name, fee_minor, period, period_unit, reminder_days)"
    " VALUES (1, 'Friends', 2500, 1, 'YEAR', '[30, 7]')",
    "INSERT INTO block_description (institution_id, code, text) VALUES (1, 'OVERDUE', 'Returned late')",
    "INSERT INTO block_definition (institution_id, code, description_id, action_code, type)"
    " VALUES (1, 'LATE', 1, '05', 'LOAN')",
    "INSERT INTO demerit_rule (institution_id, item_type_id, points_overdue, points_recall)"
    " VALUES (1, 1, 3, 5)",
    "INSERT INTO notice_template (institution_id, code, language, transport, subject, body)"
    " VALUES (1, 'ODUE', 'en', 'EMAIL', 'Overdue', 'Dear {{ patron_name }},\nplease return.')",
)


def enrich(url: str) -> None:
    """The library of `tests.cli.shell`, with a row in every section."""
    furnish(url)
    library = Shell(url)
    for line in SETUP:
        library(f"{line} --as boss")
    for line in ("text set RENEW_LIMIT", "rule add fine_cap"):  # no message; no limit
        library(line, "", "--institution", "MAIN", "--as", "boss")
    for statement in ROWS:
        library.change(statement)


@pytest.fixture
def rich(databases: Databases) -> Shell:
    """See `enrich`, which takes seconds: every test has a copy."""
    return Shell(databases.fresh(enrich))


def _export(shell: Shell, file: Path) -> str:
    shell(f"library export {file} --institution MAIN --as boss", form="")
    return file.read_text()


def test_applying_an_export_is_a_no_op(rich: Shell, tmp_path: Path) -> None:
    text = _export(rich, tmp_path / "set.toml")
    assert all(rows for rows in tomllib.loads(text).values()), "a section without a row proves nothing"
    audited, epoch = rich.audited, rich.epoch
    told = rich(f"library apply {tmp_path}/set.toml --institution MAIN --as boss", form="")
    assert (told.out, told.err) == ("", "Nothing to do.\n")
    assert (rich.audited, rich.epoch) == (audited, epoch)
    assert _export(rich, tmp_path / "again.toml") == text


def test_csv_says_the_same(rich: Shell, tmp_path: Path) -> None:
    rich(f"library export {tmp_path}/csv --csv --institution MAIN --as boss", form="")
    told = rich(f"library diff {tmp_path}/csv --institution MAIN --as boss", form="")
    assert (told.out, told.err) == ("", "No difference.\n")


def test_a_set_is_carried_to_an_empty_institution(rich: Shell, tmp_path: Path) -> None:
    """All of it but the branches, which are opened by their own command."""
    text = _export(rich, tmp_path / "set.toml")
    rich("institution add NEW --name New --timezone Europe/Paris --currency EUR --as boss")
    for code in ("CENTRAL", "NORTH"):
        rich(f"branch add {code} --institution NEW --as boss")
    rich(f"library apply {tmp_path}/set.toml --institution NEW --as boss", form="")
    assert rich(f"library diff {tmp_path}/set.toml --institution NEW --as boss", form="").out == ""
    rich(f"library export {tmp_path}/new.toml --institution NEW --as boss", form="")
    assert (tmp_path / "new.toml").read_text() == text


EDITS = (
    ('"0.25"', '"0.35"', "change circulation rule branch=NORTH name=fine_amount: value '0.25' -> '0.35'"),
    ('fee = "25.00"', 'fee = "30.0"', "change membership policy name=Friends: fee '25.00' -> '30.00'"),
    ("points_overdue = 3", "points_overdue = 4", "change demerit row item_type=BOOK: points_overdue 3 -> 4"),
    ('"Enough"', '"Stop"', "change screen text scenario=LOAN_LIMIT language=en: text 'Enough' -> 'Stop'"),
    ('bills_limit = "12.50"\n', "", "change patron type code=ADULT: bills_limit '12.50' -> None"),
)


@pytest.mark.parametrize(("old", "new", "line"), EDITS, ids=[edit[2][:30] for edit in EDITS])
def test_a_difference_can_be_read_and_is_applied_once(
    rich: Shell, tmp_path: Path, old: str, new: str, line: str
) -> None:
    file = tmp_path / "set.toml"
    text = _export(rich, file)
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))
    assert rich(f"library diff {file} --institution MAIN --as boss", form="", code=1).out == f"{line}\n"
    rich(f"library apply {file} --institution MAIN --as boss", form="")
    assert rich(f"library diff {file} --institution MAIN --as boss", form="").out == ""


def test_co7_a_changed_rule_keeps_its_past(rich: Shell, tmp_path: Path) -> None:
    file = tmp_path / "set.toml"
    file.write_text(_export(rich, file).replace('"0.25"', '"0.35"'))
    rich(f"library apply {file} --institution MAIN --as boss", form="")
    rows = rich.rows("SELECT value, valid_to IS NULL FROM circulation_rule WHERE branch_id = 2 ORDER BY id")
    assert [(value, bool(open_)) for value, open_ in rows] == [("0.25", False), ("0.35", True)]


def test_br12_detached_penalties_are_part_of_the_set(rich: Shell, tmp_path: Path) -> None:
    """A rule that rests beside the one it covers: told apart by its beginning, and carried over."""
    rich("rule detach-penalties --until 2029-01-15T00:00:00Z --institution MAIN --as boss")
    file = tmp_path / "set.toml"
    text = _export(rich, file)
    assert text.count('value = "none"') >= 2
    assert rich(f"library diff {file} --institution MAIN --as boss", form="").out == ""
    file.write_text(text.replace('"0.25"', '"0.35"'))
    told = rich(f"library apply {file} --institution MAIN --as boss", form="", code=65).err
    assert "another rule is in force there beside it" in told


FAULTS = (
    ("finesMode = 1", "That is no TOML"),
    ('[[rule]]\nname = "x"', "did you mean 'rules'"),
    ('[[rules]]\nname = "fine_amont"\nvalue = "1"', "did you mean 'fine_amount'"),
    ('[[rules]]\nnme = "fine_amount"\nvalue = "1"', "rules, row 1: there is no column 'nme'"),
    ('[[rules]]\nname = "loan_period"\nvalue = "x"\nbranch = "NORTH"', "is no whole number"),
    ('[[demerits]]\nitem_type = "SCROLL"\npoints_overdue = 1', "there is no item type 'SCROLL'"),
    ('[[demerits]]\npoints_overdue = "many"', "points_overdue: 'many' is no whole number"),
    ('[[demerits]]\npoints_overdue = 1\n[[demerits]]\npoints_recall = 1', "row 2: the same as a row"),
    ('[[settings]]\nname = "MaxFine"\nvalue = "much"', "is no amount"),
    ("patron_types = []", "something else still uses it"),
    ('[[branches]]\ncode = "MOON"\nname = "Moon"', "Branches are not added or removed here"),
    ('[[block_definitions]]\ncode = "X"\ndescription = "OVERDUE"\naction = "05"\ntype = "CONSORTIAL"\n'
     "network_block = true", "CONSORTIAL_BLOCK_NOT_COPYABLE"),
    ('[[notice_templates]]\ncode = "ODUE"\nlanguage = "en"\ntransport = "EMAIL"\nsubject = "{{ title"\n'
     'body = "x"', "ODUE"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "why"), FAULTS, ids=[why for _, why in FAULTS])
def test_a_document_that_makes_no_sense_changes_nothing(
    rich: Shell, tmp_path: Path, text: str, why: str
) -> None:
    before = _export(rich, tmp_path / "before.toml")
    file = tmp_path / "wrong.toml"
    file.write_text(text.replace("finesMode = 1", "= 1"))
    assert why in rich(f"library apply {file} --institution MAIN --as boss", form="", code=65).err
    assert _export(rich, tmp_path / "after.toml") == before


def test_nobody_without_a_role_applies_a_set(sqlite_library: Shell, tmp_path: Path) -> None:
    _export(sqlite_library, tmp_path / "set.toml")
    sqlite_library("staff add clerk --role CIRC_DESK_OPERATOR --as boss")
    sqlite_library(f"library apply {tmp_path}/set.toml --institution MAIN --as clerk", form="", code=77)
