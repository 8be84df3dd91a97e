"""A library of which no `Library` can be made: a row that somebody wrote by hand."""

from datetime import UTC, datetime
from pathlib import Path

from tests.faults import places
from tests.faults.places import load_patron
from tests.support.daemon import Daemon, until
from tests.support.databases import Databases
from tests.support.kiosk import Kiosk, stamp

NEWER = "UPDATE library_epoch SET epoch = epoch + 1"
BAD = "UPDATE institution SET timezone = 'Nowhere/Land'"
GOOD = "UPDATE institution SET timezone = 'Europe/Paris'"
NOT_THERE = "ZoneInfoNotFoundError: 'No time zone found with key Nowhere/Land'"
NONE_LEFT = "UPDATE terminal SET enabled = 0"


def asked(kiosk: Kiosk) -> str:
    """The name of a patron, as far as one is served."""
    reply = kiosk.ask(f"63000{stamp(datetime.now(UTC))}          AOMAIN|AA{load_patron(0)}|")
    assert reply.code == "64"
    return reply["AE"]


def test_it_is_told_and_looked_at_until_it_can_be_read(databases: Databases, tmp_path: Path) -> None:
    """CN-7, GN-8: nobody is served by guessing, whoever watches is told why; once it is mended all goes on,
    and what staff change is live: the looks have not ended with the one that failed."""
    url = databases.fresh(places.prepare)
    with Daemon(tmp_path, url) as daemon, Kiosk(daemon.address) as kiosk:
        assert asked(kiosk) == "Nina Name"
        places.change(url, BAD, NEWER)
        why = daemon.until("library.unreadable")["why"]
        assert why == f"no library can be read: {NOT_THERE}"
        assert daemon.ready() == (False, [why])
        assert asked(kiosk) == ""
        assert kiosk.ask("9900802.00").fixed[:6] == "NNNNNN", "it may go off-line, and store"
        assert daemon.get("/livez")[0] == 200
        places.change(url, GOOD, NEWER)
        daemon.until("library.changed")
        assert daemon.ready() == (True, [])
        assert asked(kiosk) == "Nina Name"
        places.change(url, NONE_LEFT, NEWER)
        daemon.until("connection.closed", reason="revoked")
        until(lambda: kiosk.ended() == b"")
    assert len(daemon.events("library.unreadable")) == 1, "once, not with every look"
