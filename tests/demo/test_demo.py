"""`sip2d demo` as a program (issue 1.2): what it describes, where it writes it, how it begins and ends."""

import json
import signal
import socket
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from sip2d.demo import plan
from sip2d.demo.run import DATABASE, database_url
from sip2d.store import tables
from sip2d.store.executor import Store
from tests.cli.shell import Shell
from tests.demo import frames
from tests.demo.running import COMMAND, Demo

SHAPE = {
    "sip2": {"host", "port"},
    "tls": {"host", "port", "ca_file"},
    "admin": {"host", "port"},
    "terminals": {"user", "password", "branch", "location", "profile", "about"},
    "patrons": {"barcode", "pin", "about"},
    "items": {"barcode", "about"},
}
"""Issue 1.2, with "institution" beside it."""

WORDS = {
    "terminals": {"kiosk", "bulk", "tls-only", "verifier"},
    "patrons": {"ok", "fees", "expired", "overdue", "on-loan"},
    "items": {"ok", "on-shelf", "on-loan", "overdue", "recalled", "held", "lost", "not-for-loan"},
}
"""Words that a script may look for."""


def describe(folder: Path, *options: str) -> Any:
    return json.loads(Shell("").raw(["demo", "--describe", "--dir", str(folder), *options]).out)


def test_describe_prints_the_fixed_values_and_starts_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    said = describe(folder)
    assert list(said) == ["sip2", "tls", "admin", "institution", "terminals", "patrons", "items"]
    assert [(said[name]["host"], said[name]["port"]) for name in ("sip2", "tls", "admin")] == [
        ("127.0.0.1", 6001), ("127.0.0.1", 6443), ("127.0.0.1", 9109),
    ]  # fmt: skip
    for name, keys in SHAPE.items():
        rows = said[name] if isinstance(said[name], list) else [said[name]]
        assert rows
        assert all(set(row) == keys for row in rows), name
    for name, words in WORDS.items():
        assert words <= {word for row in said[name] for word in row["about"].split()}
    assert said["institution"] == "VALMONT"
    assert said["terminals"][0]["password"] == "kiosk-demo"
    assert said["patrons"][0] == {"barcode": "21990000000001", "pin": "1234", "about": "ok"}
    assert said["items"][0] == {"barcode": "31990000000001", "about": "ok on-shelf"}
    assert not folder.exists()


def test_describe_prints_the_ports_asked_for(tmp_path: Path) -> None:
    said = describe(tmp_path, "--port", "1", "--tls-port", "2", "--admin-port", "3")
    assert [said[name]["port"] for name in ("sip2", "tls", "admin")] == [1, 2, 3]


def test_a_running_demo_writes_the_same_with_its_real_ports(demo: Demo) -> None:
    said = demo.described
    fixed = describe(demo.folder)
    for name in ("sip2", "tls", "admin"):
        assert said[name].pop("port") not in (0, fixed[name].pop("port"))
    assert said == fixed
    assert f":{demo.described['sip2']['port']}" in demo.said
    assert all(row["barcode"] in demo.said for row in said["patrons"] if row["about"] == "fees")


def test_the_library_is_rich(demo: Demo) -> None:
    """Issue 1.2: 200 patrons, 500 items, loans, holds, fees, and a history."""
    least = {"institution": 2, "branch": 7, "loan": 250, "loan_event": 500, "hold": 15, "fee": 3,
             "ledger_txn": 4, "user_block": 2}  # fmt: skip
    with Store.open(database_url(demo.folder)) as store, store.unit("count", writes=False) as unit:
        counts = {
            name: unit.core.scalar(select(func.count()).select_from(table))
            for name, table in tables.metadata.tables.items()
        }
        open_loans = unit.core.scalar(select(func.count()).where(tables.loan.c.status == "OPEN"))
    assert (counts["patron"], counts["item"]) == (200, 500)
    assert {name: counts[name] for name, number in least.items() if (counts[name] or 0) < number} == {}
    assert 100 < (open_loans or 0) < (counts["loan"] or 0) - 100
    assert Shell(database_url(demo.folder))("db check").json == []


def test_many_connections_from_one_address_whatever_the_shell_allows(tmp_path: Path) -> None:
    """Issue 1.2: quotas and files for 1,024; a few hundred are enough to see that a limit of 200 does not
    count.
    """
    narrow = ("/bin/sh", "-c", 'ulimit -Sn 200 && exec "$@"', "sh", *COMMAND)
    with Demo(tmp_path, command=narrow) as demo:
        kiosks = [demo.plain() for _ in range(400)]
        try:
            assert all(kiosk.login("kiosk", "kiosk-demo") for kiosk in kiosks[::80])
            assert kiosks[-1].login("kiosk", "kiosk-demo")
        finally:
            for kiosk in kiosks:
                kiosk.close()


def test_the_health_pages_answer(demo: Demo) -> None:
    host, port = demo.address("admin")
    done = subprocess.run(
        [*COMMAND, "healthcheck", "--host", host, "--port", str(port)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_started_again_it_keeps_its_state(tmp_path: Path) -> None:
    """And ends soon after Ctrl-C, kiosks connected or not; its description goes with it."""
    demo = Demo(tmp_path)
    with demo:
        assert "Making the demo library" in demo.said
        with demo.kiosk() as kiosk:
            assert kiosk.ask(frames.checkout(frames.patron(1), frames.item(3))).ok
            assert demo.stop(signal.SIGINT, seconds=8) == 0
    assert not (tmp_path / "demo.json").exists()
    with demo:
        assert "Making" not in demo.said
        with demo.kiosk() as kiosk:
            assert kiosk.ask(frames.item_information(frames.item(3))).fixed[:2] == "04"
        assert demo.stop(signal.SIGTERM, seconds=8) == 0


def test_a_half_made_folder_is_made_anew(tmp_path: Path) -> None:
    """Cut while it was made; and a journal whose database somebody deleted is not replayed."""
    (tmp_path / f"{DATABASE}.new").write_bytes(b"SQLite format 3\0 cut")
    _leave_a_journal(tmp_path / DATABASE)
    (tmp_path / "server.key.new").touch()
    (tmp_path / "server.pem").write_text("cut")
    (tmp_path / "demo.json").write_text("{}")
    with Demo(tmp_path) as demo:
        assert "Making the demo library" in demo.said
        with demo.tls() as kiosk:
            assert kiosk.login("kiosk", "kiosk-demo")
        assert Shell(database_url(tmp_path))("db check").json == []
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".new"] == []


def _leave_a_journal(database: Path) -> None:
    """The write-ahead log of a database that is no longer there."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE other_life (id INTEGER)")
        connection.commit()
        journal = database.with_name(f"{DATABASE}-wal")
        kept = journal.read_bytes()
    database.unlink()
    journal.write_bytes(kept)


@pytest.mark.parametrize("option", ["--port", "--tls-port", "--admin-port"])
def test_a_port_that_is_taken_is_said_in_a_sentence(demo: Demo, option: str) -> None:
    """Exit code 69; in a folder that is made already, to be quick."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ports = {"--port": "0", "--tls-port": "0", "--admin-port": "0", option: port}
        options = [word for pair in ports.items() for word in pair]
        folder = demo.folder.with_name(f"{demo.folder.name}{option}")
        folder.mkdir()
        for name in ("ca.pem", "server.pem", "server.key"):
            (folder / name).hardlink_to(demo.folder / name)
        Shell(database_url(demo.folder))("db backup", str(folder / DATABASE), form="")
        done = subprocess.run(
            [*COMMAND, "demo", "--dir", str(folder), *options], capture_output=True, text=True, timeout=60
        )
    assert done.returncode == 69
    assert done.stdout == ""
    assert port in done.stderr
    assert "Address already in use" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_every_barcode_is_of_the_first_institution_s_form() -> None:
    first, second = plan.HOUSES
    assert plan.patron_barcode(first, 17) == "21990000000017"
    assert plan.item_barcode(second, 17) == "31980000000017"
