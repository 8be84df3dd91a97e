"""PT-11, OF-36 with a real SIGKILL of the real command: `sip2d offline apply`, killed again and again and run
again, leaves what one that nobody disturbed leaves, on both databases."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sip2d.store import tables
from sip2d.store.executor import Store
from tests.cli.shell import Shell, furnish
from tests.offline.files import PARIS
from tests.support.daemon import until
from tests.support.databases import Databases
from tests.support.desks import Room
from tests.support.library import read
from tests.support.places import ROOT

LINES = 240
KILLS = 4
BEGAN = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=1)


def day() -> str:
    """Four items go round among three patrons, one of whom nobody knows; some items nobody knows either."""
    lines = []
    for number in range(LINES):
        at = f"{(BEGAN + timedelta(minutes=number)).astimezone(PARIS):%Y%m%d%H%M}"
        item = f"I{3 + number % 4}" if number % 17 else "I-NO"
        patron = ("P1", "P2", "P-NOBODY")[number * 7 % 3]
        lines.append(f"{at}R{item}" if number % 3 == 2 else f"{at}L{item:<80}{patron}")
    return "\r\n".join([*lines, ""])


def uploaded(databases: Databases, folder: Path) -> tuple[Shell, str]:
    """A library with the day in it, not applied; the session."""
    shell = Shell(databases.fresh(furnish))
    file = folder / "OffCirc.dat"
    file.write_text(day(), "ascii", newline="")
    (batch,) = shell(f"offline upload {file} --branch CENTRAL --as boss").json
    assert batch["pending"] == LINES
    return shell, str(batch["session"])


def picture(shell: Shell) -> dict[str, list[tuple[object, ...]]]:
    """What a day leaves: every line and what became of it, every loan, event, fee, hold and exception;
    without the moment it was written down, and without ids, which PostgreSQL does not give back."""
    with Store.open(shell.url) as store, store.unit("look", writes=False) as unit:
        room = Room(store, read(unit.core))
        wanted: dict[str, tuple[str, ...]] = {
            "offline_line": ("batch_id", "line_no", "status", "code", "message", "warnings"),
            "loan": ("item_id", "patron_id", "loaned_at", "due_at", "status", "closed_at", "closed_reason"),
            "loan_event": ("item_id", "patron_id", "kind", "event_at", "bypassed", "new_due_at"),
            "offline_exception": ("code", "item_barcode", "patron_barcode", "happened_at", "source"),
            "item": ("id", "holding_branch_id", "transit_to_branch_id", "lost_status"),
            "hold": ("patron_id", "status", "filled_item_id"),
            "fee_balance": ("outstanding_minor",),
            "offline_batch": ("id", "status", "totals"),
        }
        return {
            name: [
                tuple(row[column] for column in columns) for row in room.rows(tables.metadata.tables[name])
            ]
            for name, columns in wanted.items()
        }


def left(shell: Shell) -> int:
    """Lines that are not executed yet."""
    return int(shell.rows("SELECT count(*) FROM offline_line WHERE status = 'PENDING'")[0][0])


def test_pt11_killed_in_the_middle_and_resumed_is_undisturbed(databases: Databases, tmp_path: Path) -> None:
    shell, session = uploaded(databases, tmp_path)
    shell(f"offline apply {session} --institution MAIN --as boss", code=1)
    whole = picture(shell)
    assert {line[2] for line in whole["offline_line"]} == {"OK", "WARNING", "ERROR"}

    shell, session = uploaded(databases, tmp_path)
    command = [
        sys.executable, "-m", "sip2d", "offline", "apply", session, "--institution", "MAIN", "--as", "boss",
        "--database", shell.url,
    ]  # fmt: skip
    killed = 0
    for kill in range(1, KILLS + 1):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT) as run:
            enough = LINES - kill * LINES // (KILLS + 1)
            until(lambda enough=enough: left(shell) <= enough, 60)  # type: ignore[misc]  # a lambda of its round
            run.kill()
        killed += 0 < left(shell) < LINES
    assert killed >= KILLS - 1, "the kills came too late: they proved nothing"
    shell(f"offline apply {session} --institution MAIN --as boss", code=1)
    again = picture(shell)
    for name, rows in whole.items():
        assert again[name] == rows, name
