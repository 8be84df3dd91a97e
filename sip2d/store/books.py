"""The books: what is kept beside the rows it follows from, and must agree with them at any time.

Each finding is one sentence. `sip2d db check` asks for them, and `sip2d simulate` every night.
"""

from typing import Final

from sqlalchemy import Connection, exists, func, select

from sip2d.store.tables import (
    demerit_consumption,
    demerit_point,
    fee,
    fee_balance,
    fee_status,
    ledger_posting,
    loan,
    membership,
    membership_bill,
    patron_credit,
    user_block,
)

MOST: Final = 20
"""So many findings of a kind are told."""


def findings(connection: Connection) -> list[str]:
    """Everything that does not agree; [] when all is well."""
    return [
        *_ledger(connection),
        *_fines(connection),
        *_memberships(connection),
        *_points(connection),
    ]


def _fines(connection: Connection) -> list[str]:
    """The fine of a loan that was returned does not accrue any more (LO-30)."""
    last = (
        select(fee_status.c.fee_id, func.max(fee_status.c.id).label("id"))
        .group_by(fee_status.c.fee_id)
        .subquery()
    )
    running = (
        select(fee.c.id)
        .join(last, last.c.fee_id == fee.c.id)
        .join(fee_status, fee_status.c.id == last.c.id)
        .join(loan, loan.c.id == fee.c.loan_id)
        .where(fee_status.c.status == "UNRETURNED", loan.c.status == "CLOSED")
        .limit(MOST)
    )
    return [f"Fee {row[0]} still accrues, and its loan is closed." for row in connection.execute(running)]


def _memberships(connection: Connection) -> list[str]:
    """A settled bill has begun a membership, an open one has not, but for a debt that came back (D-12)."""
    bill = membership_bill.c
    settled = (
        select(bill.fee_id)
        .join(fee_balance, fee_balance.c.fee_id == bill.fee_id)
        .where(
            fee_balance.c.outstanding_minor == 0,
            ~exists().where(membership.c.fee_id == bill.fee_id),
            # A bill that was taken back by a reversal was never settled.
            select(func.count())
            .where(ledger_posting.c.fee_id == bill.fee_id, ledger_posting.c.account != "AR")
            .scalar_subquery()
            > 0,
            select(func.coalesce(func.sum(ledger_posting.c.amount_minor), 0))
            .where(ledger_posting.c.fee_id == bill.fee_id, ledger_posting.c.account == "REV_MEMBERSHIP")
            .scalar_subquery()
            < 0,
        )
        .limit(MOST)
    )
    return [
        f"The bill {row[0]} is settled, and no membership came of it." for row in connection.execute(settled)
    ]


def _points(connection: Connection) -> list[str]:
    """PT-28: no demerit point is lost or made, and nobody is suspended twice."""
    point, used = demerit_point.c, demerit_consumption.c
    earned = (
        select(
            point.patron_id, func.sum(point.points).label("points"), func.sum(point.remaining).label("left")
        )
        .group_by(point.patron_id)
        .subquery()
    )
    spent = (
        select(point.patron_id, func.sum(used.used).label("used"))
        .join(demerit_consumption, used.point_id == point.id)
        .group_by(point.patron_id)
        .subquery()
    )
    total = func.coalesce(spent.c.used, 0)
    wrong = (
        select(earned.c.patron_id, earned.c.points, earned.c.left, total)
        .outerjoin(spent, spent.c.patron_id == earned.c.patron_id)
        .where(earned.c.points != earned.c.left + total)
        .limit(MOST)
    )
    twice = (
        select(user_block.c.patron_id)
        .where(user_block.c.origin == "DEMERIT", user_block.c.removed_at.is_(None))
        .group_by(user_block.c.patron_id)
        .having(func.count() > 1)
        .limit(MOST)
    )
    return [
        f"Patron {row[0]} earned {row[1]} points, has {row[2]} left and used {row[3]}."
        for row in connection.execute(wrong)
    ] + [f"Patron {row[0]} is suspended twice." for row in connection.execute(twice)]


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
