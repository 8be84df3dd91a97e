"""Kiosks' own store-and-forward (2.3) against a daemon that runs, over TCP: 98 says that they may, the
network comes back, and what they stored comes out of order, twice, and through a cable that is cut in the
middle (OF-50, OF-51, SP-20..SP-22); and what metrics say of it (3.4)."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sip2d.store import tables
from sip2d.store.executor import Store
from tests.cli.shell import Shell
from tests.faults import places
from tests.support import library
from tests.support.daemon import Daemon, until
from tests.support.databases import Databases
from tests.support.kiosk import Kiosk, stamp

BULK = "127.0.1.9"
BEGAN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=5)
DAY = [
    ("I1", "P1"), ("I3", "P2"), ("I1", ""), ("I4", "P1"), ("I1", "P2"), ("I3", ""), ("I5", ""), ("I6", "P1"),
    ("I6", ""), ("I6", "P2"), ("I3", "P-NOBODY"), ("I-NO", ""),
]  # fmt: skip
"""Item and patron, one after the other; a return has no patron."""
HAVE = {"I1": "P2", "I4": "P1", "I6": "P2"}


def furnish(url: str) -> None:
    """The library of these daemons, with a terminal for bulk renewals."""
    places.prepare(url)
    with Store.open(url) as store, store.unit("furnish") as unit:
        world = library.read(unit.core)
        library.add(
            unit.core, tables.terminal, name="bulk", branch_id=world.branches["CENTRAL"], address=BULK,
            prefix_length=32, purpose="bulk", created_at=1,
        )  # fmt: skip
        library.add_loan(unit.core, world, world.items["I2"], world.patrons["P1"])


def frames() -> list[str]:
    """The day as the kiosk stored it, one act every ten minutes."""
    found = []
    for number, (item, patron) in enumerate(DAY):
        at = stamp(BEGAN + timedelta(minutes=10 * number))
        found.append(
            f"11NY{at}{stamp(BEGAN + timedelta(days=14))}AOMAIN|AA{patron}|AB{item}|AC|"
            if patron
            else f"09Y{at}{at}APCENTRAL|AOMAIN|AB{item}|AC|"
        )
    return found


def settled(shell: Shell) -> tuple[list[tuple[str, str]], list[tuple[str, str, str, str]]]:
    """Who has what, and the exceptions: code, item, patron, state."""
    loans = shell.rows(
        "SELECT i.barcode, p.barcode FROM loan l JOIN item i ON i.id = l.item_id JOIN patron p "
        "ON p.id = l.patron_id WHERE l.status = 'OPEN' AND i.barcode <> 'I2' ORDER BY 1"
    )
    listed = shell("offline exceptions --institution MAIN --resolved --as boss").json
    return [(row[0], row[1]) for row in loans], sorted(
        (row["code"], row["item"], row["patron"], row["state"]) for row in listed
    )


def test_of50_a_stored_day_over_tcp(databases: Databases, tmp_path: Path) -> None:
    """The end is that of the day in its order, whatever the network did; refused is what nobody knows."""
    seed = 20263
    chance = random.Random(seed)
    shell = Shell(databases.fresh(furnish))
    with Daemon(tmp_path, shell.url) as daemon:
        with Kiosk(daemon.address) as kiosk:
            assert kiosk.ask("9900802.00").code == "98"
            assert kiosk.ask("9900802.00").fixed[5] == "Y", "offline ok"
        day = frames()
        for _ in range(3):  # the cable is cut while answers are on their way; the kiosk begins anew
            chance.shuffle(day)
            with Kiosk(daemon.address) as kiosk:
                kiosk.send_many(day[: chance.randrange(2, 6)])
                for _ in range(chance.randrange(2)):
                    kiosk.read()
        chance.shuffle(day)
        with Kiosk(daemon.address) as kiosk:
            refused = [frame for frame in day + day if not kiosk.ask(frame).ok]
        assert {frame.partition("AB")[2].partition("|")[0] for frame in refused} == {"I3", "I-NO"}
        assert all("P-NOBODY" in frame or "I-NO" in frame for frame in refused)
        loans, exceptions = settled(shell)
        assert dict(loans) == HAVE, f"seed {seed}"
        assert ("PATRON_UNKNOWN", "I3", "P-NOBODY", "OPEN") in exceptions
        assert ("ITEM_UNKNOWN", "I-NO", "", "OPEN") in exceptions
        assert ("NOT_ON_LOAN", "I5", "", "OPEN") in exceptions
        assert len(exceptions) == len(set(exceptions)), "each once, however often it came"
        assert daemon.metric("sip2d_no_block_total", message="11") > 0
        _conflicts_are_seen(daemon, shell)


def _conflicts_are_seen(daemon: Daemon, shell: Shell) -> None:
    """sip2d_offline_conflicts: by branch and code; what a person resolved is 0 in time."""
    until(lambda: daemon.metric("sip2d_offline_conflicts", branch="CENTRAL", code="ITEM_UNKNOWN") == 1)
    assert daemon.metric("sip2d_offline_conflicts", code="NOT_ON_LOAN") >= 1
    assert 'sip2d_offline_pending{branch="CENTRAL"} 0.0' in daemon.get("/metrics")[1]
    shell("offline resolve --code ITEM_UNKNOWN --institution MAIN --as boss", "--note", "not ours")
    listed = shell("offline exceptions --institution MAIN --resolved --as boss").json
    assert [row["note"] for row in listed if row["code"] == "ITEM_UNKNOWN"] == ["not ours"]


def test_rows_of_bulk_renewals_are_counted(sqlite_databases: Databases, tmp_path: Path) -> None:
    """sip2d_batch_rows_total: by outcome; a repeat is no row, nor is a kiosk's renewal."""
    url = sqlite_databases.fresh(furnish)
    now, due = stamp(datetime.now(UTC)), stamp(datetime.now(UTC) + timedelta(days=90))
    row = "29NY{now}{due}AOMAIN|AA{patron}|AB{item}|AC|"
    with Daemon(tmp_path, url) as daemon:
        with Kiosk(daemon.address, BULK) as kiosk:
            for patron, item in (("P1", "I2"), ("P1", "I2"), ("P1", "I5"), ("P-NOBODY", "I2")):
                kiosk.ask(row.format(now=now, due=due, patron=patron, item=item))
        with Kiosk(daemon.address) as kiosk:
            kiosk.ask(row.format(now=now, due=due, patron="P1", item="I5"))
        counted = {
            outcome: daemon.metric("sip2d_batch_rows_total", outcome=outcome)
            for outcome in ("renewed", "skipped", "failed")
        }
        assert counted == {"renewed": 1, "skipped": 1, "failed": 1}
