"""A library in plain dictionaries: what kiosks should be told, thought out a second time and naively.

It knows loans, renewals, fees, blocks and what may be undone. Where holds come in it says nothing (``None``)
and follows the server: ``tests/desk`` has their rules.
"""

from datetime import datetime, timedelta
from typing import Any

LIMITS = {"P1": 5, "P2": 5, "P-CHILD": 1}
TITLES = {"I1": "T1", "I3": "T2", "I4": "T3", "I6": "T5", "I-DVD": "T6"}
RENTAL = 150
RENEWALS = 2
UNDO = timedelta(minutes=10)


class Model:
    """See the module. Amounts in minor units."""

    def __init__(self, debts: dict[str, int]) -> None:
        self.loans: dict[str, dict[str, Any]] = {}
        self.fees: dict[str, list[int]] = {
            patron: [debts[patron]] if patron in debts else [] for patron in LIMITS
        }
        self.paid: set[tuple[str, str, int]] = set()
        self.blocked: set[str] = set()
        self.wanted: set[str] = set()
        self.last: dict[str, dict[str, Any]] = {}

    # -- what will be said -----------------------------------------------------------------------------------

    def may_lend(self, patron: str, item: str, *, fee: bool) -> bool | None:
        """Whether a checkout of something that is in succeeds."""
        loan = self.loans.get(item)
        if loan is not None:
            return self.may_renew(patron, item, fee=fee)
        if patron in self.blocked or self.count(patron) >= LIMITS[patron]:
            return False
        if item == "I-DVD" and not fee:
            return False
        return None if TITLES[item] in self.wanted else True

    def may_renew(self, patron: str, item: str, *, fee: bool) -> bool | None:
        """Whether a renewal succeeds."""
        loan = self.loans.get(item)
        if loan is None or loan["patron"] != patron or patron in self.blocked or loan["renewals"] >= RENEWALS:
            return False
        if item == "I-DVD" and not fee:
            return False
        return None if TITLES[item] in self.wanted else True

    def may_pay(self, patron: str, amount: int, key: str) -> bool:
        """Whether a payment is taken: something, and no more than is owed; a key means the same payment."""
        return bool(key and (patron, key, amount) in self.paid) or 0 < amount <= self.owed(patron)

    def may_undo(self, item: str, kinds: tuple[str, ...], branch: str, now: datetime) -> bool | None:
        """Whether the last act on an item is one of these, here, and not long ago (SP-23)."""
        last = self.last.get(item)
        if last is not None and last["kind"] == "?":
            return None
        return (
            last is not None
            and last["kind"] in kinds
            and last["branch"] == branch
            and now - last["at"] <= UNDO
        )

    def owed(self, patron: str) -> int:
        """What a patron owes."""
        return sum(self.fees[patron])

    def count(self, patron: str) -> int:
        """How many loans a patron has."""
        return sum(loan["patron"] == patron for loan in self.loans.values())

    # -- what happened ---------------------------------------------------------------------------------------

    def lent(self, patron: str, item: str, branch: str, now: datetime, *, no_block: bool = False) -> None:
        """A loan, or a renewal of what the patron has. Off-line a renewal is free."""
        before = self.loans.get(item)
        renewal = before is not None and before["patron"] == patron
        fee = None
        if item == "I-DVD" and not (renewal and no_block):
            fee = len(self.fees[patron])
            self.fees[patron].append(RENTAL)
        if renewal and before is not None:
            before["renewals"] += 1
        else:
            self.loans[item] = {"patron": patron, "renewals": 0}
        self.last[item] = {
            "kind": "RENEW" if renewal else "LOAN", "branch": branch, "at": now, "patron": patron, "fee": fee,
        }  # fmt: skip

    def returned(self, item: str, branch: str, now: datetime) -> None:
        """A return; of something that is in it may or may not leave a trace."""
        loan = self.loans.pop(item, None)
        if loan is None:
            self.last[item] = (
                {"kind": "?"} if item in self.last else {"kind": "ROUTE", "branch": "", "at": now}
            )
            return
        self.last[item] = {
            "kind": "RETURN",
            "branch": branch,
            "at": now,
            "loan": loan,
            "patron": loan["patron"],
        }

    def undone(self, item: str) -> None:
        """The last act never was; its fee is taken back as far as it is still owed."""
        last = self.last.pop(item)
        self.last[item] = {"kind": "CANCEL", "branch": "", "at": last["at"]}
        if last["kind"] == "RETURN":
            self.loans[item] = last["loan"]
            return
        if last["kind"] == "LOAN":
            del self.loans[item]
        else:
            self.loans[item]["renewals"] -= 1
        if last["fee"] is not None:
            self.fees[last["patron"]][last["fee"]] = 0

    def settled(self, patron: str, amount: int, key: str) -> None:
        """A payment, oldest fee first."""
        if key and (patron, key, amount) in self.paid:
            return
        if key:
            self.paid.add((patron, key, amount))
        for place, owed in enumerate(self.fees[patron]):
            part = min(owed, amount)
            self.fees[patron][place] -= part
            amount -= part
