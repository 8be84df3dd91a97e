"""Kiosks that are slow, silent, wrong or rude, at a real daemon: each ends with its reason in log and metric,
and none disturbs another (issue 3.4, F8, F12, F16; G4, G5, G7).
"""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults import places
from tests.faults.places import CENTRAL, DESKS, PASSWORD, change, load_item, load_patron
from tests.support.daemon import Daemon, until
from tests.support.databases import SqliteDatabases
from tests.support.kiosk import Closed, Kiosk, seal, stamp

STATUS = "9900802.00"
NORTH = "127.0.0.2"
LIMITS = {"login_timeout": 0.5, "frame_timeout": 0.5, "frame_bytes": 1024}
LONG_NAME = "L" * 200
MEBIBYTE = 1 << 20
GARBAGE = (
    b"\x00", b"\xff\xfb\x01", b"|" * 50, b"AY1AZ", b"\r\n" * 20, b"97\r", b"96\r", b"9900802.00\r", b"63\r",
    b"11\xff\xfe\r", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00", b"29NN" + b"9" * 300 + b"\r",
)  # fmt: skip


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, sqlite_templates: Path) -> Iterator[Daemon]:
    """One for this file: small limits, an idle timeout of a second at branch NORTH, a long answer to 99."""
    folder = tmp_path_factory.mktemp("session")
    url = SqliteDatabases(folder, sqlite_templates).fresh(places.prepare)
    change(
        url,
        "PRAGMA ignore_check_constraints=ON",  # nobody but a test may be so impatient
        "UPDATE branch_sip2 SET idle_timeout_seconds = 1"
        " WHERE branch_id = (SELECT id FROM branch WHERE code = 'NORTH')",
        f"UPDATE branch_sip2 SET library_name = '{LONG_NAME}'",
    )
    with Daemon(folder, url, limits=LIMITS) as daemon:
        yield daemon
        assert daemon.stop() == 0
        assert daemon.events("text") == [], "something was written that is no log line: a traceback?"
        assert daemon.events("exchange.fault") == []
        assert PASSWORD not in str(daemon.log)


@contextmanager
def closes_for(daemon: Daemon, reason: str, connections: int = 1) -> Iterator[None]:
    """So many connections more end for this reason, in the metric and in the log."""

    def metric() -> float:
        return daemon.metric("sip2d_connections_closed_total", reason=reason)

    def logged() -> int:
        return sum(line["reason"] == reason for line in daemon.events("connection.closed"))

    told, counted = logged(), metric()
    yield
    until(lambda: logged() == told + connections)
    assert metric() == counted + connections


def test_who_does_not_log_in_is_sent_away(daemon: Daemon) -> None:
    """The time to log in is not prolonged by asking 99, nor by a refused request (CN-7)."""
    with closes_for(daemon, "login_timeout", 2), Kiosk(daemon.address, f"{DESKS}1") as silent:
        with Kiosk(daemon.address, f"{DESKS}1") as kiosk:
            assert kiosk.ask(STATUS).fixed.startswith("NNNNNN")
            refused = kiosk.ask(f"17{stamp(datetime.now(UTC))}AOMAIN|ABI1|")
            assert refused.code == "18"
            assert refused.said
            assert kiosk.ended() == b""
        assert silent.ended() == b""


def test_the_idle_timeout_is_the_branch_s(daemon: Daemon) -> None:
    """CN-4: a second at NORTH, ten minutes at CENTRAL."""
    with Kiosk(daemon.address, CENTRAL) as patient, closes_for(daemon, "idle_timeout"):
        with Kiosk(daemon.address, NORTH) as kiosk:
            assert kiosk.ask(STATUS).ok
            assert kiosk.ended() == b""
        assert patient.ask(STATUS).ok


def test_half_a_frame_is_not_waited_for_without_end(daemon: Daemon) -> None:
    """What was whole before it is answered."""
    with closes_for(daemon, "frame_timeout"), Kiosk(daemon.address) as kiosk:
        kiosk.send_raw(seal(STATUS, 1) + b"9900802.")
        assert kiosk.read().code == "98"
        assert kiosk.ended() == b""


def test_a_frame_that_does_not_end_is_cut_off(daemon: Daemon) -> None:
    """limits.frame_bytes; what was whole before it is answered."""
    with closes_for(daemon, "frame_too_long"), Kiosk(daemon.address) as kiosk:
        kiosk.send_raw(seal(STATUS, 1) + b"63" + b"x" * 1100)
        assert kiosk.read().code == "98"
        assert kiosk.ended() == b""


def test_bad_frames_in_a_row_end_the_connection(daemon: Daemon) -> None:
    """One more than retries_allowed; each is answered 96, a good one between them starts the count anew."""
    bad = seal(STATUS, 1).replace(b"9900", b"9901")
    with closes_for(daemon, "bad_frames"), Kiosk(daemon.address) as kiosk:
        for _ in range(2):
            for _ in range(3):
                kiosk.send_raw(bad)
                assert kiosk.read().code == "96"
            assert kiosk.ask(STATUS).code == "98"
        kiosk.send_raw(bad * 4)
        assert [kiosk.read().code for _ in range(4)] == ["96"] * 4
        assert kiosk.ended() == b""
    until(lambda: daemon.metric("sip2d_protocol_errors_total", kind="checksum") >= 10)


def test_failed_logins_in_a_row_end_the_connection(daemon: Daemon) -> None:
    """CN-8: the last one is answered 940 as well; neither user nor password are told."""
    before = daemon.metric("sip2d_login_failures_total", reason="credentials")
    with closes_for(daemon, "failed_logins"), Kiosk(daemon.address, f"{DESKS}2") as kiosk:
        for _ in range(4):
            assert not kiosk.login("user-2", "Wr0ngW0rd")
        assert kiosk.ended() == b""
    assert daemon.metric("sip2d_login_failures_total", reason="credentials") == before + 4
    assert daemon.until("auth.failed", peer=f"{DESKS}2")["reason"] == "credentials"
    assert "Wr0ngW0rd" not in str(daemon.log)
    assert "user-2" not in str(daemon.log)
    with Kiosk(daemon.address, f"{DESKS}2") as kiosk:
        assert kiosk.login("user-2", PASSWORD)


def test_two_hundred_frames_in_one_segment_are_answered_in_order(daemon: Daemon) -> None:
    """Reads, writes, what memory answers and what the store answers: G7."""
    date, chance = stamp(datetime.now(UTC)), random.Random(5)
    kinds = {
        "98": lambda n: STATUS,
        "18": lambda n: f"17{date}AOMAIN|AB{load_item(0, n % 8)}|",
        "64": lambda n: f"63000{date}          AOMAIN|AA{load_patron(n % 5)}|",
        "38": lambda n: f"37{date}0100EURBV0.01|AOMAIN|AA{places.load_payer(n % 5)}|BK{n}|",
        "20": lambda n: f"19{date}AOMAIN|AB{load_item(1, n % 8)}|CH{n}|",
    }
    expected = chance.choices(list(kinds), k=200)
    with Kiosk(daemon.address) as kiosk:
        kiosk.send_many([kinds[code](number) for number, code in enumerate(expected)])
        replies = [kiosk.read() for _ in expected]
    assert [reply.code for reply in replies] == expected
    for number, reply in enumerate(replies):
        if reply.code == "38":
            assert reply["BK"] == str(number)
        if reply.code == "20":
            assert reply["CH"] == str(number)


def test_a_kiosk_that_does_not_read_is_not_read_from(daemon: Daemon) -> None:
    """F8, G5: nine megabytes of answers for a kiosk that takes none: reading pauses, memory stays, others are
    served; and when it reads after all, every answer is there, in order."""
    asked = 30_000

    def served() -> float:
        return daemon.metric("sip2d_requests_total", branch="CENTRAL", message="99")

    with Kiosk(daemon.address, receive_buffer=4096) as lazy, Kiosk(daemon.address) as other:
        assert lazy.ask(STATUS)["AM"] == LONG_NAME
        before, memory = served(), daemon.resident_bytes()
        # More than is ever held for a kiosk whose reading is paused: not pausing would be an overrun.
        sender = threading.Thread(target=lazy.send_many, args=([f"{STATUS}ZZ{'z' * 60}|"] * asked,))
        sender.start()
        seen = [-1.0]

        def pauses() -> bool:
            seen.append(served())
            return seen[-1] == seen[-2]

        until(pauses, step=0.5)
        assert served() - before < asked
        assert daemon.resident_bytes() - memory < 8 * MEBIBYTE
        assert other.ask(STATUS).code == "98"
        for _ in range(asked):
            assert lazy.read().code == "98"
        sender.join()
        assert lazy.ask(STATUS).code == "98"


def test_garbage_of_one_disturbs_no_other(daemon: Daemon) -> None:
    """F12: random bytes, half frames, all but SIP2, on forty connections; a neighbour notices nothing."""
    chance = random.Random(99)
    with Kiosk(daemon.address) as neighbour:
        for _ in range(40):
            with Kiosk(daemon.address) as rude, suppress(Closed):
                for _ in range(chance.randint(1, 12)):
                    rude.send_raw(chance.choice(GARBAGE) + chance.randbytes(chance.randint(0, 40)))
                    assert neighbour.ask(STATUS).code == "98"
            patron = neighbour.ask(f"63000{stamp(datetime.now(UTC))}          AOMAIN|AA{load_patron(0)}|")
            assert patron["AE"] == "Nina Name"
    assert daemon.get("/livez")[0] == 200
