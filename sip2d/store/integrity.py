"""What must not be in a database, each finding one sentence (`sip2d db check`)."""

from sqlalchemy import Connection, func, select

from sip2d.store import migrate
from sip2d.store.tables import fee_balance, ledger_posting, patron_credit

MOST = 20
"""So many findings of a kind are told."""


def check(url: str) -> list[str]:
    """The schema, the file and its keys (SQLite), the ledger (PT-3); [] when all is well."""
    findings = migrate.check(url)
    if findings:
        return findings
    with migrate.connected(url) as connection:
        if connection.dialect.name == "sqlite":
            findings += _file(connection)
        return findings + _ledger(connection)


def _file(connection: Connection) -> list[str]:
    found = [
        f"The file is damaged: {row[0]}." for row in connection.exec_driver_sql("PRAGMA integrity_check")
    ]
    findings = [] if found == ["The file is damaged: ok."] else found
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(MOST)
    return findings + [f"{row[0]} row {row[1]} points to no {row[2]}." for row in broken]


def _ledger(connection: Connection) -> list[str]:
    posting = ledger_posting.c
    total = func.sum(posting.amount_minor)
    unbalanced = select(posting.txn_id, total).group_by(posting.txn_id).having(total != 0).limit(MOST)
    findings = [
        f"Ledger transaction {row[0]} does not sum to zero: {row[1]}."
        for row in connection.execute(unbalanced)
    ]
    owed = (
        select(posting.fee_id, total.label("owed"))
        .where(posting.account == "AR")
        .group_by(posting.fee_id)
        .subquery()
    )
    outstanding = fee_balance.c.outstanding_minor
    fees = (
        select(fee_balance.c.fee_id, outstanding, func.coalesce(owed.c.owed, 0))
        .outerjoin(owed, owed.c.fee_id == fee_balance.c.fee_id)
        .where(outstanding != func.coalesce(owed.c.owed, 0))
        .limit(MOST)
    )
    findings += [
        f"Fee {row[0]} stands at {row[1]}, its postings say {row[2]}." for row in connection.execute(fees)
    ]
    left = (
        select(posting.patron_id, (-total).label("credit"))
        .where(posting.account == "CREDIT")
        .group_by(posting.patron_id)
        .subquery()
    )
    credit = patron_credit.c.credit_minor
    credits = (
        select(patron_credit.c.patron_id, credit, func.coalesce(left.c.credit, 0))
        .outerjoin(left, left.c.patron_id == patron_credit.c.patron_id)
        .where(credit != func.coalesce(left.c.credit, 0))
        .limit(MOST)
    )
    return findings + [
        f"Patron {row[0]} has a credit of {row[1]}, the postings say {row[2]}."
        for row in connection.execute(credits)
    ]
