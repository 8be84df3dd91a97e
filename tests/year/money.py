"""The town's money, counted from the postings one by one (PT-3, PT-17, PT-19, PT-21, PT-25), and fines by
counting days (LO-27, LO-28)."""

from collections import Counter, defaultdict
from datetime import date
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, select

from sip2d.demo.staffroom import AMNESTY
from sip2d.store import tables
from tests.year.rows import START, Growing, day_of, open_days

MAX_FINE: Final = 2000
CAP: Final = 800
GRACE: Final = 2
RATES: Final = {"BOOK": 20, "DVD": 50}
"""A day; laptops cost by the hour, and are not counted here."""
GIVEN_UP: Final = ("WAIVED", "FORGIVEN", "WRITTEN_OFF")
AMNESTY_DAYS: Final = range(AMNESTY, AMNESTY + 22)


def fine(rate: int, due: date, back: date) -> int:
    """What a loan costs that comes back on a day: open days, whole from the first once grace is over."""
    late = open_days(due, back)
    return min(CAP, rate * late) if late > GRACE else 0


class Money:
    """Sums kept by hand."""

    def __init__(self) -> None:
        self.ledger = Growing(tables.ledger_posting)
        self.fees = Growing(tables.fee)
        self.statuses = Growing(tables.fee_status)
        self.memberships = Growing(tables.membership)
        self.transactions = Growing(tables.ledger_txn)
        self._at: dict[int, int] = {}
        self._of: dict[int, Any] = {}
        self._sums: dict[int, Counter[str]] = defaultdict(Counter)
        self._credit: Counter[int] = Counter()
        self._settled: dict[int, int] = {}
        self._status: dict[int, Any] = {}
        self._activated: dict[int, int] = {}

    @property
    def tables(self) -> tuple[Growing, ...]:
        return self.ledger, self.fees, self.statuses, self.memberships, self.transactions

    def look(self, core: Connection, types: dict[int, str]) -> None:
        """A night's work."""
        self._at |= {row.id: row.at for row in self.transactions.fresh(core)}
        self._of |= {row.id: row for row in self.fees.fresh(core)}
        for txn_id, lines in groupby(self.ledger.fresh(core), key=lambda row: row.txn_id):
            self._post(txn_id, list(lines))
        self._balances(core)
        self._limits()
        self._memberships(core)
        self._fines(core, types)

    def _post(self, txn_id: int, lines: list[Any]) -> None:
        assert sum(line.amount_minor for line in lines) == 0, f"PT-3: transaction {txn_id}"
        for line in lines:
            if line.account == "CREDIT":
                self._credit[line.patron_id] -= line.amount_minor
            if line.fee_id is not None:
                self._sums[line.fee_id][line.account] += line.amount_minor
        for fee_id in {line.fee_id for line in lines if line.account == "AR"}:
            owed = self._sums[fee_id]["AR"]
            assert owed >= 0, f"PT-3: fee {fee_id} is owed {owed}"
            if owed == 0 and self._of[fee_id].kind == "MEMBERSHIP":
                self._settled.setdefault(fee_id, self._at[txn_id])

    def _balances(self, core: Connection) -> None:
        balance, credit = tables.fee_balance.c, tables.patron_credit.c
        kept = {
            row[0]: row[1]
            for row in core.execute(
                select(balance.fee_id, balance.outstanding_minor).where(balance.outstanding_minor != 0)
            )
        }
        owed = {fee_id: sums["AR"] for fee_id, sums in self._sums.items() if sums["AR"]}
        assert kept == owed, "PT-3: a balance is not what its postings say"
        credits = {
            row[0]: row[1] for row in core.execute(select(credit.patron_id, credit.credit_minor)) if row[1]
        }
        assert credits == {who: by for who, by in self._credit.items() if by}, "PT-3: credit"

    def _limits(self) -> None:
        """PT-17: no patron owes more in fines than MaxFine. PT-21: no loss gave back more than it cost."""
        fines: Counter[int] = Counter()
        for fee_id, sums in self._sums.items():
            about = self._of[fee_id]
            if about.kind == "OVERDUE":
                fines[about.patron_id] += sums["AR"]
            assert about.kind != "LOST" or sums["REV_LOST"] <= 0, f"PT-21: fee {fee_id}"
        over = {who: by for who, by in fines.items() if by > MAX_FINE}
        assert not over, f"PT-17: {over}"

    def _memberships(self, core: Connection) -> None:
        """PT-25: a membership begins with the transaction that settles its bill, and with no other."""
        for row in self.memberships.fresh(core):
            if row.fee_id is not None:
                assert self._settled.get(row.fee_id) == row.activated_at, f"PT-25: membership {row.id}"
                self._activated[row.fee_id] = row.id
        sold = {
            fee_id
            for fee_id in self._settled
            if self._sums[fee_id]["REV_MEMBERSHIP"] < 0 and not self._sums[fee_id]["AR"]
        }
        assert sold == set(self._activated), "PT-25: settled bills and memberships"

    def _fines(self, core: Connection, types: dict[int, str]) -> None:
        """Fines that became final since yesterday; and losses that were found (PT-19)."""
        fresh = {row.fee_id: row for row in self.statuses.fresh(core)}
        self._status |= fresh
        back = {row.fee_id: row for row in fresh.values() if row.status == "RETURNED"}
        lost = _ever_lost(core, [self._of[fee_id].loan_id for fee_id in back])
        for fee_id, row in back.items():
            about = self._of[fee_id]
            kind = types[about.item_id]
            if about.loan_id in lost or kind not in RATES:
                continue
            if (day_of(row.at) - START).days in AMNESTY_DAYS:
                continue
            self._final(fee_id, fine(RATES[kind], day_of(about.loan_due_at), self._returned(core, about)))
        for fee_id, row in fresh.items():
            if row.status == "FOUND" and self._of[fee_id].kind == "LOST":
                sums = self._sums[fee_id]
                given_up = sum(sums[account] for account in GIVEN_UP)
                assert (sums["AR"], sums["REV_LOST"] + given_up) == (0, 0), f"PT-19: fee {fee_id} {sums}"

    def _returned(self, core: Connection, about: Any) -> date:
        closed = core.scalar(select(tables.loan.c.closed_at).where(tables.loan.c.id == about.loan_id))
        assert closed is not None, f"LO-30: fee {about.id} is final, its loan is open"
        return day_of(closed)

    def _final(self, fee_id: int, expected: int) -> None:
        """All of it, unless MaxFine stood in its way."""
        charged = -self._sums[fee_id]["REV_OVERDUE"]
        who = self._of[fee_id].patron_id
        all_of_his = sum(
            -sums["REV_OVERDUE"]
            for other, sums in self._sums.items()
            if self._of[other].kind == "OVERDUE" and self._of[other].patron_id == who
        )
        assert charged <= expected, f"LO-28: fee {fee_id} is {charged}, counted {expected}"
        if all_of_his + expected <= MAX_FINE:
            assert charged == expected, f"LO-28: fee {fee_id} is {charged}, counted {expected}"


def _ever_lost(core: Connection, loans: list[int]) -> set[int]:
    event = tables.loan_event.c
    return set(core.scalars(select(event.loan_id).where(event.kind == "LOST", event.loan_id.in_(loans))))


def summary(core: Connection) -> dict[str, int]:
    """The money by account."""
    posting = tables.ledger_posting.c
    sums: Counter[str] = Counter()
    for account, amount in core.execute(select(posting.account, posting.amount_minor)):
        sums[account] += amount
    return dict(sums)
