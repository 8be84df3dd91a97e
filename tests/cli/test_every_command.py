"""What holds for every command: authorised, audited, and taken up by every daemon (GN-7, GN-8, CN-14)."""

import csv
import inspect
import io

import pytest

from sip2d.cli.app import GROUPS, app
from tests.cli.shell import Shell

NEW_TITLE = "item add I9 --title New --type BOOK --branch NORTH --institution MAIN"

LIBRARY = (
    "institution add NEW --timezone UTC --currency EUR",
    "institution set OTHER --name Changed",
    "institution disable OTHER",
    "institution remove OTHER",
    "branch add NEW --institution MAIN",
    "branch set NORTH --name Changed",
    "branch set NORTH --sip2 use_sort_bin=false",
    "branch disable NORTH",
    "branch remove NORTH",
    "branch unconfigure NORTH",
    "branch preset verifier --branch NORTH",
    "message set RENEW=DISABLED --branch NORTH",
    "message add RENEW --branch NORTH",
    "message disable 29 --branch NORTH",
    "message remove RENEW --branch NORTH",
    "terminal add T --branch NORTH --address 192.0.2.1",
    "terminal set kiosk-north --description Changed",
    "terminal disable kiosk-north",
    "terminal remove kiosk-north",
    "terminal upsert --ip 192.0.2.1 --user u --branch NORTH",
    "terminal prune --unused-days 1",
    "rule add loan_period 1 --branch NORTH --institution MAIN",
    "rule set 1 7",
    "rule remove 1",
    "rule disable 1",
    "rules detach-penalties --until 2099-01-01T00:00:00Z --branch NORTH --institution MAIN",
    "settings set hold_shelf_days 3 --institution MAIN",
    "settings preset lost-item-automation --institution MAIN",
    "calendar own NORTH",
    "calendar hours set mon-fri=9-12,14-19 sun=closed --institution MAIN",
    "calendar closure add 2030-05-01 --title Holiday --institution MAIN",
    "calendar exception add 2030-05-01 --institution MAIN",
    "text set LOAN_LIMIT Enough --institution MAIN",
    "sortbin add 3 --branch NORTH --routing TRANSIT",
    "membership-policy add NEW --fee 30.00 --period 1year --institution MAIN",
    "patron-type add NEW --institution MAIN",
    "patron-type set ADULT --limit loan_limit=9 --institution MAIN",
    "item-type add NEW --institution MAIN",
    "item-type set BOOK --replacement 9.00 --institution MAIN",
    "block-description add NEW Text --institution MAIN",
    "block-description set DAMAGE --text Changed --institution MAIN",
    "block-description order NOISE --institution MAIN",
    "block-description remove NOISE --institution MAIN",
    "block-definition add NEW --description DAMAGE --action 01 --institution MAIN",
    "block-definition set D --action 03 --institution MAIN",
    "block-definition remove E --institution MAIN",
    "block-action add NEW HOLD ILL",
    "block-action remove OWN",
    "demerit set 3 5 --institution MAIN",
    "demerit remove --institution MAIN",
    "patron-type messaging ADULT --notice DUE --enabled --institution MAIN",
)
"""Changes of what every daemon holds in memory: the epoch grows."""

PEOPLE = (
    "staff add alice --role CIRC_ADMIN",
    "staff set boss --name Changed",
    "patron add P9 --name N --type ADULT --branch NORTH --institution MAIN --generate-password",
    "patron set P1 --phone 0 --institution MAIN",
    "patron set P1 --generate-password --institution MAIN",
    "patron identifier P1 S-1 --institution MAIN",
    "patron remove P-STAFF --institution MAIN",
    "patron block P1 --definition D --until 9999 --institution MAIN",
    "patron unblock P-STAFF --block 1 --institution MAIN",
    "link add P1 --source O1 --source-institution OTHER --institution MAIN",
    "link set 1 --copy",
    "link remove 1",
    "link refresh 1",
    "patron messaging P1 --notice PREDUE --days 3 --institution MAIN",
    "proxy add X1 --patron P1 --holder P2 --institution MAIN",
    NEW_TITLE,
    "item set I1 --title Changed --institution MAIN",
    "item set I1 --call-number X --institution MAIN",
    "hold add P2 --title-number T3 --institution MAIN",
    "hold set 1 --pickup NORTH --institution MAIN",
    "hold cancel 1 --institution MAIN",
    "offline resolve 1 --note Done --institution MAIN",
)
"""Changes of rows that are read afresh each time."""

DESK = (
    "loan add P1 I4 --institution MAIN",
    "loan renew I1 --institution MAIN",
    "loan set I1 --due 2030-01-01T12:00:00Z --institution MAIN",
    "loan return I1 --institution MAIN",
    "fee add P2 1.50 --institution MAIN",
    "fee waive 1 --institution MAIN",
    "fee pay P1 2.00 --institution MAIN",
)
"""Circulation: what happened stands in loan events and in the ledger, which name the person too."""


@pytest.mark.parametrize("line", LIBRARY)
def test_a_change_of_the_library_is_audited_and_live(sqlite_library: Shell, line: str) -> None:
    audited, epoch = sqlite_library.audited, sqlite_library.epoch
    sqlite_library(f"{line} --as boss")
    assert sqlite_library.epoch > epoch
    assert sqlite_library.audited > audited
    assert sqlite_library.rows("SELECT actor, role FROM audit_log ORDER BY id DESC LIMIT 1") == [
        ("boss", "GENERAL_SYS_ADMIN")
    ]


@pytest.mark.parametrize("line", PEOPLE)
def test_a_change_of_people_and_things_is_audited(sqlite_library: Shell, line: str) -> None:
    audited = sqlite_library.audited
    sqlite_library(f"{line} --as boss")
    assert sqlite_library.audited > audited
    assert "argon2" not in str(sqlite_library.rows("SELECT before, after FROM audit_log"))


@pytest.mark.parametrize("line", DESK)
def test_an_act_at_the_desk_is_recorded_under_staff(library: Shell, line: str) -> None:
    """GN-7, GN-11: on both databases, since the acts lock and write."""
    count = "SELECT (SELECT count(*) FROM loan_event) + (SELECT count(*) FROM ledger_txn)"
    before = library.rows(count)
    library(f"{line} --as boss")
    assert library.rows(count) > before
    interfaces = "SELECT interface FROM loan_event UNION SELECT interface FROM ledger_txn"
    assert library.rows(interfaces) == [("STAFF",)]


@pytest.mark.parametrize("line", LIBRARY + PEOPLE + DESK)
def test_nobody_without_a_role_changes_anything(sqlite_library: Shell, line: str) -> None:
    """Exit code 77, and one audit row that says somebody tried."""
    sqlite_library.change("INSERT INTO staff_account (login, roles) VALUES ('reader', '[]')")
    epoch, audited = sqlite_library.epoch, sqlite_library.audited
    denied = sqlite_library(f"{line} --as reader", code=77)
    assert "'reader' may not" in denied.err
    assert (sqlite_library.epoch, sqlite_library.audited) == (epoch, audited + 1)
    assert sqlite_library.rows("SELECT actor, action FROM audit_log ORDER BY id DESC LIMIT 1") == [
        ("reader", "denied")
    ]


READS = (
    "institution list", "institution show MAIN", "branch list", "branch show NORTH", "terminal list",
    "terminal show kiosk-north", "terminal refused", "message list --branch NORTH",
    "message show 29 --branch NORTH", "staff list", "staff show boss", "rule list --institution MAIN",
    "rule show 1", "settings list --institution MAIN", "settings show circ_control --institution MAIN",
    "patron-type list --institution MAIN", "item-type list --institution MAIN",
    "patron list --institution MAIN", "patron show P1 --institution MAIN", "item list --institution MAIN",
    "item show I1 --institution MAIN", "loan list --institution MAIN", "loan show 1 --institution MAIN",
    "hold list --institution MAIN", "hold show 1 --institution MAIN", "fee list --institution MAIN",
    "fee show 1 --institution MAIN", "why P1 --institution MAIN", "why P1 I1 --institution MAIN",
    "sortbin test I1 --institution MAIN", "sortbin list", "sortbin list --branch NORTH",
    "calendar show NORTH", "calendar hours list --branch NORTH", "calendar closure list --institution MAIN",
    "calendar exception list --institution MAIN", "text list --institution MAIN",
    "membership list --institution MAIN", "membership show P1 --institution MAIN",
    "membership-policy list --institution MAIN", "proxy list --institution MAIN",
    "report bills --institution MAIN --outstanding", "report batches --institution MAIN",
    "text show LOAN_LIMIT --institution MAIN", "db check", "block-description list --institution MAIN",
    "block-definition list --institution MAIN", "block-definition show D --institution MAIN",
    "block-action list", "demerit list --institution MAIN", "patron blocks P-STAFF --institution MAIN",
    "link list --institution MAIN",
    "notice list --institution MAIN", "notice preview ODUE --patron P1 --institution MAIN",
    "notice-template list --institution MAIN", "notice-template show ODUE --institution MAIN",
    "overdue-trigger list --institution MAIN", "patron messaging P1 --institution MAIN",
    "patron-type messaging ADULT --institution MAIN",
    "jobs list", "jobs history", "offline sessions --institution MAIN", "offline blocklist NORTH",
    "offline exceptions --institution MAIN",
)  # fmt: skip


@pytest.mark.parametrize("line", READS)
def test_reads_print_in_three_formats_and_change_nothing(sqlite_library: Shell, line: str) -> None:
    staff = "" if line.startswith("db ") else " --as boss"
    before = (sqlite_library.epoch, sqlite_library.audited)
    found = sqlite_library(f"{line}{staff}").json
    assert isinstance(found, list | dict)
    table = sqlite_library(f"{line}{staff}", form="table").out
    cells = sqlite_library(f"{line}{staff}", form="csv").out
    assert table
    if found:
        assert len(list(csv.reader(io.StringIO(cells)))) == 1 + (len(found) if isinstance(found, list) else 1)
    assert (sqlite_library.epoch, sqlite_library.audited) == before


def callbacks() -> list[object]:
    groups = [app, *GROUPS.values()]
    inner = [group.typer_instance for each in GROUPS.values() for group in each.registered_groups]
    groups += [group for group in inner if group is not None]
    return [command.callback for group in groups for command in group.registered_commands]


def test_no_command_is_a_coroutine_function() -> None:
    """T6: typer would never await it, and say 0."""
    assert len(callbacks()) > 80
    assert not [each for each in callbacks() if inspect.iscoroutinefunction(each)]


def test_every_command_says_what_it_does() -> None:
    assert [name for name, each in GROUPS.items() if not each.info.help] == []
    assert [each for each in callbacks() if not getattr(each, "__doc__", None)] == []
