"""Totals of a whole library: loans, money, blocks, memberships, notices; for `sip2d simulate`'s last page."""

from typing import Any

from sqlalchemy import Connection, Select, func, select

from sip2d.store.tables import ledger_posting, loan, loan_event, membership, notice, user_block


def totals(connection: Connection) -> dict[str, dict[str, int]]:
    """Counts by a word, under a title each; money in minor units, by the ledger's accounts."""
    posting = ledger_posting.c
    return {
        "Loans": _counted(connection, select(loan.c.status, func.count()).group_by(loan.c.status))
        | _counted(connection, select(loan_event.c.kind, func.count()).group_by(loan_event.c.kind)),
        "Money, in cents": _counted(
            connection, select(posting.account, func.sum(posting.amount_minor)).group_by(posting.account)
        ),
        "Blocks, by how they came": _counted(
            connection, select(user_block.c.origin, func.count()).group_by(user_block.c.origin)
        ),
        "Memberships": _counted(
            connection, select(membership.c.origin, func.count()).group_by(membership.c.origin)
        ),
        "Notices": _counted(connection, select(notice.c.type, func.count()).group_by(notice.c.type)),
        "Notices, by state": _counted(
            connection, select(notice.c.state, func.count()).group_by(notice.c.state)
        ),
    }


def _counted(connection: Connection, wanted: Select[Any]) -> dict[str, int]:
    return {
        str(name): int(by) for name, by in connection.execute(wanted.order_by(wanted.selected_columns[0]))
    }
