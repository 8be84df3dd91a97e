"""Every finding of the books, provoked once (PT-3, PT-25, PT-28, LO-30); a sound library has none."""

import pytest
from sqlalchemy import text

from sip2d.store import books, migrate
from tests.store.seed import seeded
from tests.support.databases import Databases

TRANSACTION = (
    "INSERT INTO ledger_txn (at, kind, patron_id, actor, interface, branch_id)"
    " SELECT 1, 'CHARGE', id, 'x', 'STAFF', home_branch_id FROM patron"
    " WHERE id = (SELECT min(id) FROM patron)"
)
FEE = "INSERT INTO fee (patron_id, kind, created_at) SELECT min(id), '{kind}', 1 FROM patron"
LINE = (
    "INSERT INTO ledger_posting (txn_id, line_no, account, patron_id, fee_id, amount_minor, currency)"
    " SELECT max(ledger_txn.id), {line}, '{account}', max(patron_id), (SELECT max(id) FROM fee), {amount},"
    " 'EUR' FROM ledger_txn"
)
BALANCE = (
    "INSERT INTO fee_balance (fee_id, patron_id, kind, outstanding_minor)"
    " SELECT max(id), max(patron_id), '{kind}', {amount} FROM fee"
)
LOAN = (
    "INSERT INTO loan (item_id, patron_id, branch_id, policy_branch_id, loaned_at, due_at, interface, status,"
    " closed_at, closed_reason)"
    " SELECT min(item.id), min(patron.id), min(home_branch_id), min(home_branch_id), 1, 2, 'SIP2',"
    " 'CLOSED', 3, 'RETURN' FROM patron, (SELECT id FROM item) AS item"
)
EVENT = (
    "INSERT INTO loan_event (loan_id, item_id, patron_id, kind, event_at, recorded_at, branch_id, interface)"
    " SELECT id, item_id, patron_id, 'RETURN', 3, 3, branch_id, 'SIP2' FROM loan WHERE loaned_at = 1"
)
SUSPENDED = (
    "INSERT INTO user_block (patron_id, definition, actions, origin, starts_at)"
    " SELECT min(id), 'POINTS', 'LOAN', 'DEMERIT', 1 FROM patron"
)

DEFECTS = {
    "does not sum to zero: 5.": (TRANSACTION, LINE.format(line=1, account="CASH", amount=5)),
    "stands at 7, its postings say 5.": (
        FEE.format(kind="MANUAL"),
        TRANSACTION,
        LINE.format(line=1, account="AR", amount=5),
        LINE.format(line=2, account="REV_MANUAL", amount=-5),
        BALANCE.format(kind="MANUAL", amount=7),
    ),
    "has a credit of 5, the postings say 0.": (
        "DELETE FROM patron_credit",
        "INSERT INTO patron_credit (patron_id, credit_minor) SELECT min(id), 5 FROM patron",
    ),
    "still accrues, and its loan is closed.": (
        LOAN,
        "INSERT INTO fee (patron_id, kind, loan_id, item_id, loan_due_at, created_at)"
        " SELECT patron_id, 'OVERDUE', id, item_id, due_at, 3 FROM loan WHERE loaned_at = 1",
        "INSERT INTO fee_status (fee_id, status, at) SELECT max(id), 'UNRETURNED', 3 FROM fee",
    ),
    "is settled, and no membership came of it.": (
        "INSERT INTO membership_policy (institution_id, name, fee_minor, period)"
        " SELECT min(id), 'Friends', 5, 1 FROM institution",
        FEE.format(kind="MEMBERSHIP"),
        "INSERT INTO membership_bill (fee_id, patron_id, policy_id, amount_minor, period, period_unit,"
        " created_at) SELECT max(fee.id), max(patron_id), max(membership_policy.id), 5, 1, 'YEAR', 1"
        " FROM fee, membership_policy",
        TRANSACTION,
        LINE.format(line=1, account="AR", amount=5),
        LINE.format(line=2, account="REV_MEMBERSHIP", amount=-5),
        TRANSACTION,
        LINE.format(line=1, account="CASH", amount=5),
        LINE.format(line=2, account="AR", amount=-5),
        BALANCE.format(kind="MEMBERSHIP", amount=0),
    ),
    "earned 4 points, has 3 left and used 0.": (
        LOAN,
        EVENT,
        "INSERT INTO demerit_point (patron_id, loan_id, event_id, kind, points, remaining, created_at)"
        " SELECT patron_id, loan_id, id, 'OVERDUE', 4, 3, 3 FROM loan_event"
        " WHERE id = (SELECT max(id) FROM loan_event)",
    ),
    "is suspended twice.": ("DROP INDEX uq_user_block_only", SUSPENDED, SUSPENDED),
}


def test_a_sound_library_has_none(databases: Databases) -> None:
    with migrate.connected(databases.fresh(seeded)) as connection:
        assert books.findings(connection) == []


@pytest.mark.parametrize("said", sorted(DEFECTS))
def test_what_does_not_agree_is_found_and_nothing_else(databases: Databases, said: str) -> None:
    """A sentence each."""
    with migrate.connected(databases.fresh(seeded)) as connection:
        if databases.kind == "postgresql":
            connection.exec_driver_sql("SET session_replication_role = replica")  # past the triggers
        for statement in DEFECTS[said]:
            connection.execute(text(statement))
        [finding] = books.findings(connection)
    assert finding.endswith(said)


def test_so_many_of_a_kind_are_told(databases: Databases) -> None:
    """A broken ledger has more findings than anybody reads."""
    with migrate.connected(databases.fresh(seeded)) as connection:
        if databases.kind == "postgresql":
            connection.exec_driver_sql("SET session_replication_role = replica")
        for _ in range(books.MOST + 5):
            connection.execute(text(TRANSACTION))
            connection.execute(
                text(
                    LINE.format(line=1, account="CASH", amount=5).replace("(SELECT max(id) FROM fee)", "NULL")
                )
            )
        assert len(books.findings(connection)) == books.MOST
