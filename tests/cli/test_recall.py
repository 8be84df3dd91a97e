"""`sip2d recall extend` as a person types it (BR-9), on both databases."""

import pytest
from sqlalchemy import text

from sip2d.store.executor import Store
from tests.cli.shell import Shell
from tests.support import library as small
from tests.support.library import NOW, seconds

LINE = "recall extend --item I5 --due 2030-06-30T21:59:59Z --institution MAIN"


@pytest.fixture
def recalled(library: Shell) -> Shell:
    """I5 is on loan to P2; P1 recalls it, and his hold is number 2."""
    with Store.open(library.url) as store, store.unit("recall") as unit:
        core, world = unit.core, small.read(unit.core)
        item = world.items["I5"]
        small.add_loan(core, world, item, world.patrons["P2"], recalled_at=seconds(NOW))
        small.add_hold(core, world, world.patrons["P1"], "T4", kind="RECALL", item_id=item)
    return library


def test_br_9_in_one_command(recalled: Shell) -> None:
    found = recalled(f"{LINE} --as boss").json
    assert (found["patron"], found["item"], found["due_at"]) == ("P2", "I5", "2030-06-30T21:59:59+00:00")
    assert (found["recalled"], found["waived_minor"]) == (True, 0)
    (hold,) = [
        one for one in recalled("hold list --institution MAIN --as boss").json if one["kind"] == "RECALL"
    ]
    assert (hold["id"], hold["patron"], hold["placed_at"]) == (
        found["holds"][0], "P1", "2026-03-08T09:15:00+00:00"
    )  # fmt: skip
    (loan,) = recalled("loan list --item I5 --institution MAIN --as boss").json
    assert (loan["due_at"], loan["recalled_at"]) == (found["due_at"], "2026-03-09T09:15:00+00:00")
    audited = recalled.rows("SELECT actor, entity, action FROM audit_log ORDER BY id")
    assert audited == [
        ("boss", "hold", "CANCEL"),
        ("boss", "hold", "PLACE"),
        ("boss", "loan", "recall-extend"),
    ]


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        ("--as reader", 77, "'reader' may not lend"),
        ("--as clerk --waive", 77, "'clerk' may not waive fees"),
        ("--as boss --item I1", 65, "is not recalled"),
        ("--as boss --item I6", 65, "is not on loan"),
        ("--as boss --due 2020-01-01", 65, "NB_DUE_DATE_INVALID"),
    ],
)
def test_br_9_refused_it_changes_nothing(recalled: Shell, more: str, code: int, says: str) -> None:
    recalled.change("INSERT INTO staff_account (login, roles) VALUES ('reader', '[]')")
    recalled.change("INSERT INTO staff_account (login, roles) VALUES ('clerk', '[\"CIRC_DESK_OPERATOR\"]')")

    def everything() -> list[object]:
        with Store.open(recalled.url) as store, store.unit("look", writes=False) as unit:
            tables = ("loan", "loan_event", "hold", "item", "ledger_txn")
            return [list(unit.core.execute(text(f"SELECT * FROM {name} ORDER BY id"))) for name in tables]

    before = everything()
    assert says in recalled(f"{LINE} {more}", code=code).err
    assert everything() == before
