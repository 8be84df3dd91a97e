"""The database is full, away, or does not say what became of a COMMIT (issue 5.3; F3, F4, F6; G3)."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import LiteralString

import psycopg
import pytest

from tests.faults import places
from tests.faults.load import Fleet
from tests.faults.places import load_item, load_patron, load_payer, rows, snapshot
from tests.support.daemon import Daemon, until
from tests.support.databases import Databases
from tests.support.kiosk import Closed, Kiosk, Reply, stamp
from tests.support.postgres import PostgresCluster

BLANK = " " * 18
STATUS = "9900802.00"
RECOVERED = 5.0
"""Seconds after which everything must be well by itself."""
FULL = Path(__file__).with_name("full_disk.py")


def now() -> str:
    return stamp(datetime.now(UTC))


def checkout(item: int, date: str) -> str:
    return f"11NN{date}{BLANK}AOMAIN|AA{load_patron(0)}|AB{load_item(0, item)}|AC|"


def effects() -> dict[str, str]:
    """A request with an effect by the code of its answer."""
    date, patron = now(), load_patron(0)
    return {
        "12": checkout(0, date),
        "10": f"09N{date}{date}APCENTRAL|AOMAIN|AB{load_item(0, 0)}|AC|",
        "16": f"15+{date}AOMAIN|AA{patron}|ABI1|BSCENTRAL|",
        "30": f"29NN{date}{BLANK}AOMAIN|AA{patron}|AB{load_item(0, 0)}|",
        "38": f"37{date}0100EURBV1.00|AOMAIN|AA{load_payer(0)}|",
        "66": f"65{date}AOMAIN|AA{patron}|",
        "24": f"01N{date}AOMAIN|ALlost|AA{patron}|AC|",
        "26": f"25{date}AOMAIN|AA{patron}|AC|",
        "20": f"19{date}AOMAIN|AB{load_item(0, 0)}|CHnew|",
    }


def reads() -> dict[str, str]:
    """A request that only reads by the code of its answer."""
    return {
        "64": f"63000{now()}          AOMAIN|AA{load_patron(0)}|",
        "24": f"23000{now()}AOMAIN|AA{load_patron(0)}|AC|",
        "18": f"17{now()}AOMAIN|AB{load_item(0, 0)}|",
    }


def assert_refuses(kiosk: Kiosk, bodies: dict[str, str]) -> None:
    """Each is refused by an answer of its own type that tells the patron something."""
    for code, body in bodies.items():
        reply = kiosk.ask(body)
        assert reply.code == code
        assert reply.said
        if code in ("24", "26", "64"):
            assert reply.fixed.startswith("YYYY"), "a patron of whom nothing is known may do nothing"
        elif code != "18":
            assert not reply.ok


def serves(kiosk: Kiosk) -> bool:
    """98 says that all is well."""
    return kiosk.ask(STATUS).fixed.startswith("YYY")


@pytest.fixture
def full(sqlite_databases: Databases, tmp_path: Path) -> Iterator[tuple[Daemon, Path]]:
    """A daemon whose disk is full while the file exists."""
    mark = tmp_path / "full"
    with Daemon(tmp_path, sqlite_databases.fresh(places.prepare), program=(str(FULL), str(mark))) as daemon:
        yield daemon, mark


def test_a_full_disk_refuses_what_must_be_written_and_nothing_else(full: tuple[Daemon, Path]) -> None:
    """F3: refusals of the request's own type with AF; reads go on; 98 says so; all is well soon after."""
    daemon, mark = full
    with Kiosk(daemon.address) as kiosk:
        assert serves(kiosk)
        before = snapshot(daemon.url)
        mark.touch()
        assert_refuses(kiosk, effects())
        status = kiosk.ask(STATUS)
        assert status.fixed[:6] == "YNNNNN", "on-line, but neither checkin nor checkout"
        for code, body in reads().items():
            assert kiosk.ask(body).code == code
        assert kiosk.ask(reads()["64"])["AE"] == "Nina Name"
        told = json.loads(daemon.get("/readyz")[1])
        assert told["warnings"], "somebody has to free space"
        assert snapshot(daemon.url) == before
        mark.unlink()
        assert until(lambda: serves(kiosk)) < RECOVERED
        assert kiosk.ask(effects()["12"]).ok
        assert json.loads(daemon.get("/readyz")[1])["warnings"] == []
    assert {line["fault"] for line in daemon.events("exchange.fault")} == {"StoreUnavailable"}


def test_a_disk_that_fails_under_load_loses_and_doubles_nothing(full: tuple[Daemon, Path]) -> None:
    """Full again and again, while kiosks work: what was refused has no effect, what was acknowledged has."""
    daemon, mark = full
    fleet = Fleet(3)
    fleet.start(daemon.address)
    for _ in range(6):
        fleet.until(40)
        mark.touch()
        fleet.until(20)
        mark.unlink()
    fleet.until(40)
    fleet.finish()
    assert fleet.refused
    assert fleet.findings(daemon.url) == []


def _events(url: str, item: str) -> list[object]:
    query = (
        "SELECT kind FROM loan_event WHERE item_id = (SELECT id FROM item WHERE barcode = :item) ORDER BY id"
    )
    return [row[0] for row in rows(url, query, item=item)]


def assert_closed_without_an_answer(daemon: Daemon, kiosk: Kiosk) -> None:
    with pytest.raises(Closed):
        kiosk.read()
    daemon.until("connection.closed", reason="outcome_unknown")
    assert daemon.metric("sip2d_connections_closed_total", reason="outcome_unknown") == 1


def test_a_failed_write_of_sqlite_is_never_answered(sqlite_databases: Databases, tmp_path: Path) -> None:
    """F4: an I/O error at COMMIT leaves the outcome unknown: no answer, the connection closes, and the
    kiosk's repeat is right (G3). Reads go on meanwhile."""
    with Daemon(tmp_path, sqlite_databases.fresh(places.prepare)) as daemon, Kiosk(daemon.address) as other:
        body = checkout(1, now())
        with Kiosk(daemon.address) as kiosk:
            assert kiosk.ask(checkout(0, now())).ok
            daemon.limit_files(0)
            kiosk.send(body)
            assert_closed_without_an_answer(daemon, kiosk)
        assert other.ask(reads()["64"])["AE"] == "Nina Name"
        assert other.ask(STATUS).fixed.startswith("YNN")
        daemon.limit_files(None)
        assert until(lambda: serves(other)) < RECOVERED
        with Kiosk(daemon.address) as kiosk:
            first = kiosk.ask(body)
            assert first.ok
            assert kiosk.ask(body).text == first.text
        assert _events(daemon.url, load_item(0, 1)) == ["LOAN"]


@pytest.fixture
def away(own_postgres_cluster: PostgresCluster, tmp_path: Path) -> Iterator[Daemon]:
    """A daemon on a server of its own."""
    cluster = own_postgres_cluster
    with Daemon(tmp_path, cluster.url(cluster.create_database(places.prepare))) as daemon:
        yield daemon


def test_a_vanished_postgresql_is_told_and_comes_back(
    away: Daemon, own_postgres_cluster: PostgresCluster
) -> None:
    """F6: stopped under a kiosk's hands, then started again; twice, once fast and once dying."""
    with Kiosk(away.address) as kiosk:
        assert serves(kiosk)
        before = snapshot(away.url)
        for times, end in enumerate((own_postgres_cluster.stop, own_postgres_cluster.kill), start=1):
            end()
            told(away, "store.unreachable", times)
            assert_refuses(kiosk, effects())
            assert_refuses(kiosk, reads())
            assert kiosk.ask(STATUS).fixed[:6] == "NNNNNN"
            assert away.ready() == (False, ["the database does not answer"])
            assert away.get("/livez")[0] == 200
            own_postgres_cluster.start()
            assert until(lambda: serves(kiosk)) < RECOVERED
            assert away.ready() == (True, [])
            assert kiosk.ask(reads()["64"])["AE"] == "Nina Name"
            assert snapshot(away.url) == before
            told(away, "store.reachable", times)
        assert kiosk.ask(effects()["12"]).ok


def told(daemon: Daemon, event: str, times: int) -> None:
    """Wait for the daemon's look at the epoch, once a second, to say so for the so manyth time."""
    until(lambda: len(daemon.events(event)) == times)


TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sip2d'"


def test_backends_terminated_under_load_lose_and_double_nothing(
    away: Daemon, own_postgres_cluster: PostgresCluster
) -> None:
    """F6: pg_terminate_backend of every connection at once, and a server that dies, in mid load."""
    fleet = Fleet(11)
    fleet.start(away.address, once=False)
    for _ in range(12):
        fleet.until(30)
        own_postgres_cluster.execute(TERMINATE)
    fleet.until(30)
    own_postgres_cluster.kill()
    own_postgres_cluster.start()
    fleet.until(60)
    fleet.finish()
    assert fleet.findings(away.url) == []


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE application_name = :name AND wait_event = 'SyncRep'"


def waits(url: str, name: str) -> bool:
    """Whether a COMMIT of this application is made and waits for a standby's word."""
    return int(rows(url, WAITING, name=name)[0][0]) > 0


class MissingStandby:
    """While it is needed a COMMIT is made, and then waits for the word of a standby that does not exist."""

    def __init__(self, cluster: PostgresCluster, url: str) -> None:
        self._cluster, self._url = cluster, url

    def __enter__(self) -> None:
        self._set("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        self._over = threading.Event()
        # The setting takes effect some time after it is made: when the first COMMIT of this probe is held up.
        self._probe = threading.Thread(target=self._commit, daemon=True)
        self._probe.start()
        until(lambda: waits(self._url, "probe"))

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._set("ALTER SYSTEM RESET synchronous_standby_names")
        self._probe.join(10)

    def _commit(self) -> None:
        address = self._url.partition("?")[2].replace("&", " ")
        with psycopg.connect(
            f"{address} user=sip2d dbname=postgres application_name=probe", autocommit=True
        ) as probe:
            while not self._over.is_set():
                probe.execute("SELECT pg_logical_emit_message(true, 'probe', '')")

    def _set(self, statement: LiteralString) -> None:
        self._cluster.execute(statement)
        self._cluster.execute("SELECT pg_reload_conf()")


def test_a_commit_that_postgresql_made_but_never_told_is_answered_once(
    away: Daemon, own_postgres_cluster: PostgresCluster
) -> None:
    """The backend dies after its COMMIT, waiting for a standby that does not exist, so the effect is there
    and no word of it came back. The second run finds it in the journal; cut off as well it stays unknown, and
    the connection closes without an answer, and again while the database is away; the repeat after a
    reconnect gets the recorded answer."""

    def cut() -> bool:
        if waits(away.url, "sip2d"):
            own_postgres_cluster.execute(TERMINATE)
            return True
        return False

    def noted() -> bool:
        return bool(rows(away.url, "SELECT id FROM terminal WHERE last_used_at IS NOT NULL"))

    def closed() -> bool:
        cut()
        return any(line["reason"] == "outcome_unknown" for line in away.events("connection.closed"))

    standby = MissingStandby(own_postgres_cluster, away.url)
    with Kiosk(away.address) as other, Kiosk(away.address) as kiosk:
        assert kiosk.ask(checkout(0, now())).ok
        until(noted)  # nothing else is to be written from here on
        first, second = checkout(1, now()), checkout(2, now())
        with standby:
            kiosk.send(first)
            until(cut)
            until(lambda: waits(away.url, "sip2d"))
            assert _events(away.url, load_item(0, 1)) == ["LOAN"], "it was committed, though nobody was told"
        answer = kiosk.read()
        assert answer.ok
        assert kiosk.ask(first).text == answer.text
        with standby:
            kiosk.send(second)
            until(closed)
            assert_closed_without_an_answer(away, kiosk)
        assert until(lambda: serves(other)) < RECOVERED
        own_postgres_cluster.stop()
        with Kiosk(away.address) as kiosk:
            assert_refuses(kiosk, {"12": checkout(3, now())})
            kiosk.send(second)
            with pytest.raises(Closed):  # "not done" would be a lie
                kiosk.read()
        own_postgres_cluster.start()
        assert until(lambda: serves(other)) < RECOVERED
    with Kiosk(away.address) as kiosk:
        answers: list[Reply] = [kiosk.ask(second), kiosk.ask(second)]
        assert answers[0].ok
        assert answers[0].text == answers[1].text
    assert [_events(away.url, load_item(0, number)) for number in (1, 2)] == [["LOAN"], ["LOAN"]]
