"""One command line run in this process, as the shell would: arguments and stdin in, exit code and texts
out.
"""

import contextlib
import io
import json
import sys
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from sip2d.__main__ import main
from sip2d.store import migrate, tables
from sip2d.store.executor import Store
from tests.support.library import World, add, add_block


class Run(msgspec.Struct, frozen=True):
    """What came of it."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Shell:
    """Commands on one database."""

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, line: str, *more: str, stdin: str = "", form: str = "json", code: int = 0) -> Run:
        """``line`` is split on blanks, ``more`` is taken as it is. The exit code must be ``code``."""
        arguments = [*line.split(), *more, "--database", self.url]
        if form:
            arguments += ["--format", form]
        return self.raw(arguments, stdin, code)

    def raw(self, arguments: list[str], stdin: str = "", code: int = 0) -> Run:
        out, err = io.StringIO(), io.StringIO()
        before, sys.stdin = sys.stdin, io.StringIO(stdin)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                found = main(arguments)
        finally:
            sys.stdin = before
        run = Run(found, out.getvalue(), err.getvalue())
        assert run.code == code, f"{arguments}: {run.code}\n{run.out}{run.err}"
        return run

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What stands in the database."""
        with Store.open(self.url) as store, store.unit("test", writes=False) as unit:
            return [tuple(row) for row in unit.core.execute(text(sql))]

    def change(self, sql: str) -> None:
        with Store.open(self.url) as store, store.unit("test") as unit:
            unit.core.execute(text(sql))

    @property
    def epoch(self) -> int:
        return int(self.rows("SELECT epoch FROM library_epoch")[0][0])

    @property
    def audited(self) -> int:
        return int(self.rows("SELECT count(*) FROM audit_log")[0][0])


def prepare(url: str) -> None:
    """A database with the schema and nothing in it."""
    migrate.upgrade(url)


def furnish(url: str) -> None:
    """The small library of tests/support, with a SYS admin called boss who belongs to no OS user."""
    from tests.support import library

    migrate.upgrade(url)
    with Store.open(url) as store, store.unit("build") as unit:
        unit.core.execute(text("DELETE FROM library_epoch"))
        world = library.build(unit)
        patron, item = world.patrons["P2"], world.items["I1"]
        library.add_loan(unit.core, world, item, patron)
        library.add_fee(unit.core, world, world.patrons["P1"], 500)
        library.add_hold(unit.core, world, world.patrons["P1"], "T2")
        _block_tables(unit.core, world)
        add(
            unit.core, tables.offline_exception, institution_id=world.institutions["MAIN"],
            branch_id=world.branches["NORTH"], source="sip2:kiosk-north", code="STALE", created_at=1,
        )  # fmt: skip
        unit.core.execute(
            text("INSERT INTO staff_account (login, roles) VALUES ('boss', '[\"GENERAL_SYS_ADMIN\"]')")
        )


def _block_tables(core: Connection, world: World) -> None:
    """Definitions D, which blocks P-STAFF, and E; an action OWN, a demerit row, a link of O1 to P-CHILD."""
    main = world.institutions["MAIN"]
    ids = [
        add(core, tables.block_description, institution_id=main, code=code, text=code)
        for code in ("DAMAGE", "NOISE")
    ]
    add(core, tables.block_action, code="OWN", actions="HOLD")
    for code in ("D", "E"):
        add(
            core, tables.block_definition, institution_id=main, code=code, description_id=ids[0],
            action_code="02", type="USER",
        )  # fmt: skip
    add_block(core, world.patrons["P-STAFF"], definition="D", reason="DAMAGE")
    add(core, tables.demerit_rule, institution_id=main, points_overdue=1, points_recall=2)
    add(
        core, tables.patron_link, source_patron_id=world.patrons["P-CHILD"],
        target_patron_id=world.patrons["O1"],
    )  # fmt: skip
