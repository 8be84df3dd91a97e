"""Changes under way: staff's, the operator's, and the end (issue 4.4, 7.2; CN-6, CN-8, F10, F14, F15)."""

import hashlib
import shutil
import signal
import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sip2d.demo import certificates
from sip2d.store.engine import open_engine
from tests.cli.shell import Shell
from tests.faults import places
from tests.faults.load import Fleet
from tests.faults.places import DESKS, PASSWORD, load_item, load_patron, rows
from tests.support.daemon import Daemon, until
from tests.support.databases import Databases, SqliteDatabases
from tests.support.kiosk import Address, Closed, Kiosk, stamp

STATUS = "9900802.00"
LIVE = 5.0
"""Seconds in which a change must be live in every daemon (issue 4.4)."""


def staff(url: str, line: str, stdin: str = "") -> None:
    """A command of staff's, by a staff account."""
    Shell(url)(f"{line} --as boss", stdin=stdin)


def admitted(address: Address, source: str) -> bool:
    """Whether a peer from there gets an answer; a stranger gets no byte (CN-7)."""
    with Kiosk(address, source) as kiosk:
        try:
            return kiosk.ask(STATUS).code == "98"
        except Closed:
            return False


def accepts(address: Address, number: int, password: str) -> bool:
    """Whether this login holds now."""
    with Kiosk(address, f"{DESKS}{number}") as kiosk:
        return kiosk.login(f"user-{number}", password)


def desks(daemons: list[Daemon], number: int) -> list[Kiosk]:
    """This terminal, logged in at each daemon."""
    kiosks = [Kiosk(daemon.address, f"{DESKS}{number}") for daemon in daemons]
    assert all(kiosk.login(f"user-{number}", PASSWORD) for kiosk in kiosks)
    return kiosks


def assert_revoked(daemons: list[Daemon], kiosks: list[Kiosk], terminal: str) -> None:
    """Each connection ends soon, without a word, for this reason."""
    for daemon, kiosk in zip(daemons, kiosks, strict=True):
        kiosk.sock.settimeout(LIVE)
        assert kiosk.ended() == b""
        daemon.until("connection.closed", LIVE, terminal=terminal, reason="revoked")
        kiosk.close()


def test_what_staff_change_is_live_in_every_daemon(databases: Databases, tmp_path: Path) -> None:
    """Disable a terminal, change its password, add one, on two daemons of one database, while kiosks are
    connected: within five seconds, without a reload; the neighbours keep their connections."""
    url = databases.fresh(places.prepare)
    with Daemon(tmp_path, url) as one, Daemon(tmp_path, url) as other:
        daemons = [one, other]
        neighbours = [Kiosk(daemon.address) for daemon in daemons]
        first, second = desks(daemons, 1), desks(daemons, 2)
        assert not any(admitted(daemon.address, f"{DESKS}9") for daemon in daemons)

        staff(url, "terminal disable desk-1")
        assert_revoked(daemons, first, "desk-1")
        assert not any(admitted(daemon.address, f"{DESKS}1") for daemon in daemons)
        assert all(kiosk.ask(STATUS).ok for kiosk in second), "another terminal's session goes on"

        staff(url, "terminal set desk-2 --reset-password --password-stdin", stdin="another\n")
        assert_revoked(daemons, second, "desk-2")
        assert not any(accepts(daemon.address, 2, PASSWORD) for daemon in daemons)
        assert all(accepts(daemon.address, 2, "another") for daemon in daemons)

        staff(url, f"terminal add desk-9 --branch CENTRAL --address {DESKS}9")
        for daemon in daemons:
            until(lambda daemon=daemon: admitted(daemon.address, f"{DESKS}9"), LIVE)  # type: ignore[misc]  # its default

        staff(url, "terminal set desk-1 --enabled")
        for daemon in daemons:
            until(lambda daemon=daemon: admitted(daemon.address, f"{DESKS}1"), LIVE)  # type: ignore[misc]  # its default
            assert accepts(daemon.address, 1, PASSWORD)

        for kiosk in neighbours:
            assert kiosk.ask(STATUS).ok, "the neighbour's connection was never touched"
            kiosk.close()


@pytest.fixture
def url(sqlite_databases: SqliteDatabases) -> str:
    """A library on SQLite, where the database does not matter."""
    return sqlite_databases.fresh(places.prepare)


def cut_off(daemon: Daemon, size: int) -> bool:
    """Whether a frame of so many bytes is too long for a new connection."""
    with Kiosk(daemon.address) as kiosk:
        try:
            kiosk.send_raw(b"ZZ" + b"x" * size + b"\r9900802.00\r")  # of an unknown code: ignored if taken
            return kiosk.read().code != "98"
        except Closed:
            return True


def test_a_reload_takes_a_good_file_and_leaves_a_bad_one(url: str, tmp_path: Path) -> None:
    """SIGHUP: limits are live for new connections; a bad file changes nothing and is told (7.4, F15)."""
    with Daemon(tmp_path, url) as daemon, Kiosk(daemon.address) as kiosk:
        assert kiosk.ask(STATUS).ok
        assert not cut_off(daemon, 2000)
        daemon.configure(limits={"frame_bytes": 1024})
        assert daemon.reload().startswith("serving on ")
        assert cut_off(daemon, 2000)
        assert daemon.metric("sip2d_config_last_reload_successful") == 1

        daemon.configure(limits={"frame_bytes": 4096, "frame_bites": 1})
        assert "frame_bites" in daemon.reload()
        assert "frame_bites" in daemon.until("config.reload_failed")["why"]
        assert daemon.metric("sip2d_config_last_reload_successful") == 0
        assert cut_off(daemon, 2000), "nothing of a bad file has an effect"

        del daemon.settings["limits"]["frame_bites"]
        daemon.configure()
        daemon.reload()
        assert not cut_off(daemon, 2000)
        assert daemon.metric("sip2d_config_last_reload_successful") == 1
        assert kiosk.ask(STATUS).ok, "the connection was there all the time"


@pytest.fixture
def pem(tmp_path: Path) -> certificates.Files:
    """Certificate and key of a TLS listener."""
    return certificates.make(tmp_path, datetime.now(UTC))


def tls_kiosk(daemon: Daemon, ca: Path) -> tuple[Kiosk, str]:
    """A kiosk behind TLS that trusts this authority, and the certificate it was shown."""
    kiosk = Kiosk(daemon.address, tls=ssl.create_default_context(cafile=str(ca)))
    assert isinstance(kiosk.sock, ssl.SSLSocket)
    shown = kiosk.sock.getpeercert(True)
    assert shown
    return kiosk, hashlib.sha256(shown).hexdigest()


def test_a_new_certificate_is_taken_without_dropping_anybody(
    url: str, tmp_path: Path, pem: certificates.Files
) -> None:
    """F10: a connection keeps the certificate it began with; new ones get the new one, and no broken one."""
    fresh_folder = tmp_path / "fresh"
    fresh_folder.mkdir()
    fresh = certificates.make(fresh_folder, datetime.now(UTC))
    with Daemon(tmp_path, url, tls={"cert": str(pem.cert), "key": str(pem.key)}) as daemon:
        old, first = tls_kiosk(daemon, pem.ca)
        with old:
            assert old.ask(STATUS).ok
            pem.cert.write_text("no certificate\n", encoding="ascii")
            assert daemon.reload().startswith("kept the old configuration")
            kiosk, shown = tls_kiosk(daemon, pem.ca)
            with kiosk:
                assert kiosk.ask(STATUS).ok
            assert shown == first
            shutil.copy(fresh.cert, pem.cert)
            shutil.copy(fresh.key, pem.key)
            daemon.reload()
            kiosk, shown = tls_kiosk(daemon, fresh.ca)
            with kiosk:
                assert kiosk.ask(STATUS).ok
            assert shown != first
            with pytest.raises(ssl.SSLCertVerificationError):
                tls_kiosk(daemon, pem.ca)
            assert old.ask(STATUS).ok, "who was connected stays connected"
        assert daemon.stop() == 0


def test_a_stop_answers_what_is_in_work(databases: Databases, tmp_path: Path) -> None:
    """SIGTERM with an exchange that waits for a lock: nobody new is let in, the exchange is answered when it
    can be, its connection ends, and the exit code is 0 (F14)."""
    url = databases.fresh(places.prepare)
    item = load_item(0, 0)
    date = stamp(datetime.now(UTC))
    engine = open_engine(url)
    with (
        Daemon(tmp_path, url) as daemon,
        engine.connect() as lock,
        Kiosk(daemon.address) as idle,
        Kiosk(daemon.address) as busy,
    ):
        assert idle.ask(STATUS).ok
        lock.exec_driver_sql("BEGIN IMMEDIATE" if databases.kind == "sqlite" else "BEGIN")
        lock.exec_driver_sql(f"UPDATE item SET copy_no = copy_no WHERE barcode = '{item}'")
        # The answer to 99 says that what came with it has been taken as well.
        busy.send_many([STATUS, f"11NN{date}{' ' * 18}AOMAIN|AA{load_patron(0)}|AB{item}|AC|"])
        assert busy.read().ok
        daemon.send(signal.SIGTERM)
        daemon.until("daemon.draining")
        assert idle.ended() == b""
        until(lambda: refused(daemon.address))
        assert not daemon.events("daemon.stopped")
        lock.exec_driver_sql("ROLLBACK")
        assert busy.read().ok
        assert busy.ended() == b""
        assert daemon.wait() == 0
        assert daemon.until("daemon.stopped")["cut"] == 0
        assert {line["reason"] for line in daemon.events("connection.closed")} == {"shutdown"}
    engine.dispose()
    assert [row[0] for row in rows(url, "SELECT status FROM loan")] == ["OPEN"]


def refused(address: Address) -> bool:
    """Nobody listens there any more."""
    try:
        Kiosk(address).close()
    except ConnectionError:
        return True
    return False


def test_a_stop_under_load_answers_everything_it_did(url: str, tmp_path: Path) -> None:
    """Whatever has an effect was acknowledged before the connection ended, and the exit code is 0."""
    with Daemon(tmp_path, url) as daemon:
        fleet = Fleet(21)
        fleet.start(daemon.address)
        fleet.until(100)
        assert daemon.stop() == 0
        fleet.join()
        for worker in fleet.workers:
            worker.open.clear()  # what has no answer was not taken: it may have no effect
    assert fleet.findings(url) == []
