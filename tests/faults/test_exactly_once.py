"""Exactly once over the wire (issue 3.3, SP-21): a repeat gets the recorded answer, however it comes back;
what only looks alike is served.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from sip2d.store.engine import POSTGRESQL, SQLITE, open_engine
from sip2d.store.executor import WRITERS
from tests.faults import places
from tests.faults.places import change, load_item, load_patron, load_payer, rows, snapshot, soon
from tests.support.daemon import Daemon, until
from tests.support.databases import Databases, SqliteDatabases, postgres_databases
from tests.support.kiosk import Kiosk, parse, seal, stamp
from tests.support.postgres import PostgresCluster

BLANK = " " * 18


def checkout(patron: str, item: str, date: str) -> str:
    return f"11NN{date}{BLANK}AOMAIN|AA{patron}|AB{item}|AC|"


def checkin(item: str, date: str) -> str:
    return f"09N{date}{date}APCENTRAL|AOMAIN|AB{item}|AC|"


def pay(payer: str, date: str, transaction: str = "") -> str:
    return f"37{date}0100EURBV1.00|AOMAIN|AA{payer}|" + (f"BK{transaction}|" if transaction else "")


def renew_all(patron: str, date: str) -> str:
    return f"65{date}AOMAIN|AA{patron}|"


def requests(date: str) -> list[str]:
    """The messages of issue 3.3, each on subjects of its own."""
    return [
        checkout(load_patron(0), load_item(0, 0), date),
        checkin(load_item(2, 0), date),
        f"15+{date}AOMAIN|AAP1|ABI3|BSCENTRAL|",
        f"29NN{date}{BLANK}AOMAIN|AA{load_patron(1)}|AB{load_item(1, 0)}|",
        pay(load_payer(0), date),
        pay(load_payer(1), date, "7"),
        renew_all("P2", date),
        f"01N{date}AOMAIN|ALCard kept|AA{load_patron(3)}|AC|",
        f"25{date}AOMAIN|AAP-STAFF|AC|",
    ]


def prepare(url: str) -> None:
    """The library of the fault tests, with loans that can be renewed and returned, and a blocked card."""
    places.prepare(url)
    due = soon(3)
    statements = [
        f"""INSERT INTO loan (item_id, patron_id, branch_id, policy_branch_id, loaned_at, due_at, interface)
            SELECT item.id, patron.id, holding_branch_id, holding_branch_id, {due - 864000}, {due}, 'STAFF'
            FROM item, patron WHERE item.barcode = '{item}' AND patron.barcode = '{patron}'"""
        for item, patron in (
            (load_item(1, 0), load_patron(1)),
            (load_item(2, 0), load_patron(2)),
            ("I5", "P2"),
            (load_item(4, 0), load_patron(4)),
        )
    ]
    change(url, *statements)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def daemon(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    sqlite_templates: Path,
    postgres_cluster: PostgresCluster,
) -> Iterator[Daemon]:
    """One for this file on each database; each test has subjects of its own."""
    folder = tmp_path_factory.mktemp("once")
    with ExitStack() as stack:
        databases: Databases = SqliteDatabases(folder, sqlite_templates)
        if request.param == "postgresql":
            databases = stack.enter_context(postgres_databases(postgres_cluster))
        yield stack.enter_context(Daemon(folder, databases.fresh(prepare)))


def test_a_repeat_gets_the_recorded_answer_wherever_it_comes_back(daemon: Daemon, tmp_path: Path) -> None:
    """The same frame, and with another sequence number; a new connection; a second daemon; a restart."""
    url, bodies = daemon.url, requests(stamp(datetime.now(UTC)))
    with Kiosk(daemon.address) as kiosk:
        assert kiosk.ask(f"01N{stamp(datetime.now(UTC))}AOMAIN|AL|AAP-STAFF|AC|").code == "24"
        answers, before = [], snapshot(url)
        for number, body in enumerate(bodies):
            kiosk.send_raw(frame := seal(body, number % 10))
            first = kiosk.frame()
            answers.append(parse(first)[0].text)
            after = snapshot(url)
            assert after != before, f"{body} had no effect: {answers[-1]}"
            kiosk.send_raw(frame)
            assert kiosk.frame() == first, "the very same frame again: from memory (sip2.md 4.4)"
            assert snapshot(url) == after
            before = after
        once = before
        assert [kiosk.ask(body).text for body in bodies] == answers
        assert snapshot(url) == once, "repeated in the same connection"
        kiosk.send_many(bodies)
        assert [kiosk.read().text for _ in bodies] == answers
        assert snapshot(url) == once, "repeated in one segment"
    with Kiosk(daemon.address) as kiosk:
        assert [kiosk.ask(body).text for body in bodies] == answers
        assert snapshot(url) == once, "repeated after a reconnect"
    with Daemon(tmp_path, url) as second, Kiosk(second.address) as kiosk:
        assert [kiosk.ask(body).text for body in bodies] == answers
        assert snapshot(url) == once, "repeated on another daemon"
    daemon.kill()
    daemon.start()
    with Kiosk(daemon.address) as kiosk:
        assert [kiosk.ask(body).text for body in bodies] == answers
        assert snapshot(url) == once, "repeated after a restart"


def _events(url: str, item: str) -> list[object]:
    found = rows(
        url,
        "SELECT kind FROM loan_event WHERE item_id = (SELECT id FROM item WHERE barcode = :item) ORDER BY id",
        item=item,
    )
    return [row[0] for row in found]


def _later(url: str) -> None:
    """An hour passes for the journal: what it has is too old to be a retry."""
    change(url, "UPDATE journal SET recorded_at = recorded_at - 3600")


def test_a_frozen_clock_never_hides_a_new_loan(daemon: Daemon) -> None:
    """The same bytes for the same loan, again after its return: served (SP-21 b), and then repeated."""
    url, patron, item = daemon.url, load_patron(0), load_item(0, 1)
    for date in (stamp(datetime.now(UTC)), "20010101    000000", BLANK):
        before = len(_events(url, item))
        with Kiosk(daemon.address) as kiosk:
            for body in (checkout(patron, item, date), checkin(item, date), checkout(patron, item, date)):
                assert kiosk.ask(body).ok
            assert _events(url, item)[before:] == ["LOAN", "RETURN", "LOAN"]
            assert kiosk.ask(checkout(patron, item, date)).ok
            assert kiosk.ask(checkin(item, date)).ok
            assert kiosk.ask(checkin(item, date)).ok
        assert _events(url, item)[before:] == ["LOAN", "RETURN", "LOAN", "RETURN"]


def test_renew_all_without_a_date_is_served_again_next_month(daemon: Daemon) -> None:
    """65 with a blank date: a repeat within the retry window, a new request afterwards."""
    url, patron, item = daemon.url, load_patron(4), load_item(4, 0)
    with Kiosk(daemon.address) as kiosk:
        first = kiosk.ask(renew_all(patron, BLANK))
        assert first.fixed[:5] == "10001"
        assert kiosk.ask(renew_all(patron, BLANK)).text == first.text
        assert _events(url, item) == ["RENEW"]
        _later(url)
        again = kiosk.ask(renew_all(patron, BLANK))
        assert again.fixed[:5] == "10001"
        assert _events(url, item) == ["RENEW", "RENEW"]


PAYMENTS = """SELECT id FROM ledger_txn
              WHERE kind = 'PAY' AND patron_id = (SELECT id FROM patron WHERE barcode = :payer)"""


def test_a_payment_without_a_usable_date_is_a_repeat_only_from_its_own_terminal_and_soon(
    daemon: Daemon,
) -> None:
    """SP-21 (a): a frozen clock of 2001 and no BK, so only the terminal and the retry window tell."""
    old, payer = "20010101    000000", load_payer(2)

    def payments() -> int:
        return len(rows(daemon.url, PAYMENTS, payer=payer))

    with Kiosk(daemon.address) as kiosk, Kiosk(daemon.address, f"{places.DESKS}1") as other:
        assert other.login("user-1", places.PASSWORD)
        assert kiosk.ask(pay(payer, old)).ok
        assert kiosk.ask(pay(payer, old)).ok
        assert payments() == 1, "its own repeat"
        assert other.ask(pay(payer, old)).ok
        assert payments() == 2, "another terminal asks for itself"
        _later(daemon.url)
        assert other.ask(pay(payer, old)).ok
        assert payments() == 3, "an hour later it is a new payment"


HOLD = "SELECT id FROM item WHERE barcode = :item FOR UPDATE"
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


@contextmanager
def held_up(url: str, item: str) -> Iterator[None]:
    """Whoever wants this item must wait: on SQLite whoever writes at all."""
    engine = open_engine(url)
    try:
        with engine.connect() as other:
            sqlite = engine.dialect.name == SQLITE
            other.exec_driver_sql("BEGIN IMMEDIATE" if sqlite else "BEGIN")
            other.execute(text(HOLD.removesuffix(" FOR UPDATE") if sqlite else HOLD), {"item": item})
            yield
            other.exec_driver_sql("ROLLBACK")
    finally:
        engine.dispose()


@pytest.mark.parametrize("asked_before", [False, True], ids=["the first time", "not the first time"])
def test_what_its_own_repeat_has_overtaken_has_no_second_effect(
    postgres: Databases, tmp_path: Path, asked_before: bool
) -> None:
    """A checkout waits behind another of its connection; the kiosk asks again on a new one, gets its answer,
    and takes the item back: the old one is served last, and must not lend again. What was asked before it
    was answered is a repeat, whatever has happened since (SP-21)."""
    url, date = postgres.fresh(places.prepare), stamp(datetime.now(UTC))
    patron, held, item = load_patron(0), load_item(0, 0), load_item(0, 1)
    body = checkout(patron, item, date)
    with Daemon(tmp_path, url) as daemon, Kiosk(daemon.address) as pulled, Kiosk(daemon.address) as kiosk:
        if asked_before:
            assert kiosk.ask(body).ok
        with held_up(url, held):
            pulled.send_many([checkout(patron, held, date), body])
            until(lambda: rows(url, WAITING) == [(1,)])
            with Kiosk(daemon.address) as again:
                first = again.ask(body)
                assert first.ok
                assert again.ask(checkin(item, date)).ok
        assert pulled.read().ok
        assert pulled.read().text == first.text
        assert _events(url, item) == ["LOAN", "RETURN"]
        assert kiosk.ask(body).ok, "asked later it is a new loan (SP-21 b)"
        assert _events(url, item) == ["LOAN", "RETURN", "LOAN"]


def taken(kiosk: Kiosk) -> bool:
    """Whether the daemon has read all that was sent; a reset would take the rest away."""
    ports = f"{kiosk.sock.getpeername()[1]:04X}", f"{kiosk.sock.getsockname()[1]:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        here, there, _, queues = line.split()[1:5]
        if (here[-4:], there[-4:]) == ports:
            return queues.endswith(":00000000")
    return False


def cut(kiosk: Kiosk) -> None:
    """Its connection ends as by a power cut of the kiosk: a reset, no goodbye."""
    kiosk.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    kiosk.close()


def test_what_nobody_waits_for_any_more_is_not_done(databases: Databases, tmp_path: Path) -> None:
    """Two checkouts of a kiosk whose power fails while the first waits for the database and the second for
    the first. Whoever is there next may have told the patron no; neither is done behind his back."""
    url, date = databases.fresh(places.prepare), stamp(datetime.now(UTC))
    patron, first, second = load_patron(0), load_item(0, 0), load_item(0, 1)
    with Daemon(tmp_path, url) as daemon:
        with held_up(url, first):
            kiosk = Kiosk(daemon.address)
            kiosk.send_many([checkout(patron, first, date), checkout(patron, second, date)])
            until(lambda: taken(kiosk))
            if databases.kind == "postgresql":  # there the first has begun
                until(lambda: rows(url, WAITING) == [(1,)])
            cut(kiosk)
            daemon.until("connection.closed")
        others = [Kiosk(daemon.address) for _ in range(WRITERS[POSTGRESQL])]  # one of them in each queue
        for number, other in enumerate(others):
            assert other.ask(pay(load_payer(0), date, f"after-{number}")).ok
            other.close()
        assert _events(url, first) == _events(url, second) == []
        with Kiosk(daemon.address) as kiosk:
            assert kiosk.ask(checkout(patron, first, date)).ok
    assert _events(url, first) == ["LOAN"]
