"""A batch and what became of it: everything that must be the same however it was disturbed on its way."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import msgspec

from sip2d.batch.journal import Journal
from tests.batch import places
from tests.cli.shell import Run, Shell
from tests.support.daemon import Daemon

NOTHING = Shell("sqlite:///nowhere")
"""The tool asks no database."""
SECRET = places.PASSWORD + "\n"
WHEN = "attempted_at"


class State(msgspec.Struct, frozen=True):
    """Loans and what happened to them, as the database has it; outcomes, as journal and export tell them."""

    loans: list[tuple[object, ...]]
    events: list[tuple[object, ...]]
    outcomes: Sequence[tuple[str, ...]]
    export: list[dict[str, str]]


def reach(daemon: Daemon, port: int | None = None) -> list[str]:
    """The flags that lead to a daemon, or to the cable on this port that leads there."""
    host = "127.0.0.1" if port else daemon.host
    return ["--host", host, "--port", str(port or daemon.address[1]), "--plain", "--user", places.USER,
            "--password-stdin", "--local-ip", host if port else places.SOURCE]  # fmt: skip


def tool(*arguments: str, code: int) -> Run:
    """One run of the tool, in this process."""
    return NOTHING.raw(["bulk-renew", *arguments], SECRET, code)


def state(url: str, batch: Path) -> State:
    """As it is now."""
    with Journal(batch, writes=False) as journal:
        outcomes = [
            (one.row.item, one.row.patron, one.outcome, one.code, one.message, one.returned, one.fee)
            for one in journal.attempts()
        ]
    rows = list(csv.DictReader(io.StringIO(tool("export", str(batch), code=0).out)))
    return State(places.loans_of(url), places.events_of(url), outcomes, [{**row, WHEN: ""} for row in rows])


def assert_same(found: State, wanted: State) -> None:
    """Row by row, with the first that is another."""
    for name in State.__struct_fields__:
        ours, theirs = getattr(found, name), getattr(wanted, name)
        for number, (one, other) in enumerate(zip(ours, theirs, strict=False)):
            assert one == other, f"{name}, row {number}"
        assert len(ours) == len(theirs), name
