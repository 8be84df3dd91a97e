"""The circulation matrix: which terms apply to a branch, a patron type and an item type, at a moment (CO-6,
CO-7).

Circulation rules are rows of (branch, patron type, item type, name, value), each of the three may be missing
for any. For every name the most specific row that defines it wins. What a name means and how its value is
read stands in ``RULE_NAMES``, once.
"""

import enum
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from sip2d.policy.parsing import choice, day, number, number_or_none, rate, rate_or_none, truth, unknown

Key = tuple[int | None, int | None, int | None]


class LoanUnit(enum.StrEnum):
    """What a loan period is counted in (CL-3)."""

    DAYS = "DAYS"
    WEEKS = "WEEKS"
    MONTHS = "MONTHS"
    HOURS = "HOURS"
    MINUTES = "MINUTES"


class DueMode(enum.StrEnum):
    """What closed days do to a due date (CL-3)."""

    DAYS = "DAYS"
    DATEDUE = "DATEDUE"
    CALENDAR = "CALENDAR"
    DAYWEEK = "DAYWEEK"


class RenewalBase(enum.StrEnum):
    """From where a renewal counts (CO-14)."""

    DUE = "DUE"
    NOW = "NOW"


class HardDue(enum.StrEnum):
    """How a hard due date binds (CL-4)."""

    EXACT = "EXACT"
    BEFORE = "BEFORE"
    AFTER = "AFTER"


class PreClosing(enum.StrEnum):
    """What closing time does to an hourly loan (CL-3)."""

    NONE = "NONE"
    AT_CLOSING = "AT_CLOSING"
    BEFORE_CLOSING = "BEFORE_CLOSING"


class ChargeAt(enum.StrEnum):
    """When an interval of a fine is charged (LO-36)."""

    START = "START"
    END = "END"


class BlockUnit(enum.StrEnum):
    """What an overdue block is counted in (BL-46)."""

    NONE = "NONE"
    WHOLE_DAYS = "WHOLE_DAYS"
    DAYS_PER_OVERDUE_DAY = "DAYS_PER_OVERDUE_DAY"
    MONTHS = "MONTHS"
    OPEN_DAYS = "OPEN_DAYS"
    OPEN_DAYS_PER_OPEN_OVERDUE_DAY = "OPEN_DAYS_PER_OPEN_OVERDUE_DAY"
    WEEKS = "WEEKS"


class BlockSpan(enum.StrEnum):
    """What the longest overdue block is counted in (BL-51)."""

    DAYS = "DAYS"
    WEEKS = "WEEKS"
    MONTHS = "MONTHS"
    OPEN_DAYS = "OPEN_DAYS"


class LostReturn(enum.StrEnum):
    """What the return of a lost item does to the money (LO-56)."""

    REFUND = "REFUND"
    CHARGE = "CHARGE"
    RESTORE = "RESTORE"
    KEEP = "KEEP"
    REFUND_UNPAID = "REFUND_UNPAID"


class Rule(msgspec.Struct, frozen=True):
    """A row of the matrix; None stands for any. In force from ``valid_from`` up to, not including,
    ``valid_to`` (epoch seconds)."""

    branch_id: int | None
    patron_type_id: int | None
    item_type_id: int | None
    name: str
    value: str
    valid_from: int = 0
    valid_to: int | None = None


class Terms(msgspec.Struct, frozen=True):
    """The terms that apply. A limit of None is no limit; ``loan_period`` None is a permanent loan (CL-3).

    Periods are in ``loan_unit``, but recalls and the minimum guarantee, which are in days. Fines are in major
    units of the currency with up to four decimals (GN-3); a ``fine_amount`` of None is the explicit ``none``
    of detached penalties (BR-12), as is a ``BlockUnit.NONE``.
    """

    loan_period: int | None = None
    loan_unit: LoanUnit = LoanUnit.DAYS
    due_mode: DueMode = DueMode.DAYS
    recall_period: int | None = None
    minimum_guarantee: int = 0
    renewals_allowed: int | None = None
    renewal_period: int | None = None
    renewal_base: RenewalBase = RenewalBase.DUE
    no_renewal_before: int | None = None
    auto_renew: bool = False
    loan_limit: int | None = None
    rental_fee_minor: int = 0
    hold_shelf_days: int | None = None
    holdable: bool = True
    return_before_expiry: bool = False
    hard_due_on: date | None = None
    hard_due_compare: HardDue = HardDue.EXACT
    pre_closing: PreClosing = PreClosing.NONE
    pre_closing_minutes: int = 0
    fine_amount: Decimal | None = Decimal(0)
    fine_interval: int = 1
    fine_charge_at: ChargeAt = ChargeAt.END
    fine_grace: int = 0
    fine_cap: Decimal | None = None
    cap_fine_to_replacement_price: bool = False
    recall_overdue_fine: Decimal | None = None
    detached_keeps_accrued: bool = False
    overdue_block_value: int = 0
    overdue_block_unit: BlockUnit = BlockUnit.NONE
    overdue_block_cumulative: bool = False
    overdue_block_max_value: int | None = None
    overdue_block_max_unit: BlockSpan = BlockSpan.DAYS
    lost_return_policy: LostReturn = LostReturn.REFUND


class RuleName(msgspec.Struct, frozen=True):
    """What a rule's name means, and how its value is read."""

    caption: str
    parse: Callable[[str], Any]


_PERIOD: Final = number_or_none(1, 9999)


def _fine(text: str) -> Decimal | None:
    return None if text.lower() == "none" else rate(text)


RULE_NAMES: Final[dict[str, RuleName]] = {
    "loan_period": RuleName("How long a loan lasts, in loan_unit; blank: for ever (CL-3)", _PERIOD),
    "loan_unit": RuleName("DAYS, WEEKS, MONTHS, HOURS or MINUTES", choice(LoanUnit)),
    "due_mode": RuleName("What closed days do to a due date (CL-3)", choice(DueMode)),
    "recall_period": RuleName("Days a patron keeps a recalled item; blank: until it is due (CO-40)", _PERIOD),
    "minimum_guarantee": RuleName("Days of a loan that no recall shortens (CO-40)", number()),
    "renewals_allowed": RuleName(
        "How often a loan may be renewed; blank: no limit (CO-12)", number_or_none()
    ),
    "renewal_period": RuleName("How long a renewal lasts; blank: like a loan", _PERIOD),
    "renewal_base": RuleName(
        "A renewal counts from the old due date or from now (CO-14)", choice(RenewalBase)
    ),
    "no_renewal_before": RuleName(
        "Renewals begin so many days before the due date; blank: at once", number_or_none()
    ),
    "auto_renew": RuleName("Loans are renewed by themselves (CO-13)", truth),
    "loan_limit": RuleName("How many loans a patron may have; blank: no limit (CO-11)", number_or_none()),
    "rental_fee_minor": RuleName("Price of a loan in minor units; 0: free (CO-10)", number(0, 999_999_999)),
    "hold_shelf_days": RuleName(
        "Open days a hold waits on the shelf; blank: as the setting says (HO-4)", number_or_none(1, 365)
    ),
    "holdable": RuleName("Holds may be placed (HO-2)", truth),
    "return_before_expiry": RuleName("No loan outlasts the patron's account (CL-4)", truth),
    "hard_due_on": RuleName("A fixed due date; blank: none (CL-4)", day),
    "hard_due_compare": RuleName("Loans are due on, before or after hard_due_on (CL-4)", choice(HardDue)),
    "pre_closing": RuleName("What closing time does to hourly loans (CL-3)", choice(PreClosing)),
    "pre_closing_minutes": RuleName("How long before closing BEFORE_CLOSING means", number(0, 1439)),
    "fine_amount": RuleName(
        "Fine for each interval overdue, like 0.25; none: detached (LO-24, BR-12)", _fine
    ),
    "fine_interval": RuleName("A fine's interval, in days or hours by loan_unit (LO-25)", number(0, 9999)),
    "fine_charge_at": RuleName("An interval is charged at its start or end (LO-36)", choice(ChargeAt)),
    "fine_grace": RuleName("So long overdue costs nothing, in days or hours (LO-26)", number(0, 9999)),
    "fine_cap": RuleName("The most a loan's fine comes to; blank: no limit (LO-29)", rate_or_none),
    "cap_fine_to_replacement_price": RuleName("No fine exceeds the item's price (LO-28)", truth),
    "recall_overdue_fine": RuleName("Fine of a recalled loan; blank: as fine_amount (LO-38)", rate_or_none),
    "detached_keeps_accrued": RuleName(
        "While fine_amount is none, a renewal keeps what has accrued already (BR-12)", truth
    ),
    "overdue_block_value": RuleName("How long a late return blocks, in its unit (BL-45)", number(0, 9999)),
    "overdue_block_unit": RuleName("The unit of overdue_block_value; none: no block", choice(BlockUnit)),
    "overdue_block_cumulative": RuleName("Overdue blocks follow each other (BL-49)", truth),
    "overdue_block_max_value": RuleName("The longest overdue block; blank: no limit (BL-51)", _PERIOD),
    "overdue_block_max_unit": RuleName("The unit of overdue_block_max_value", choice(BlockSpan)),
    "lost_return_policy": RuleName(
        "What the return of a lost item does to the money; of a branch (LO-55)", choice(LostReturn)
    ),
}
"""Every name a circulation rule may have; each is a field of ``Terms``."""


def parse_value(name: str, text: str) -> object:
    """The value of a circulation rule as a person wrote it.

    Raises:
        ValueError: one sentence: the name is unknown (with the nearest known one), or the text makes no
        sense.
    """
    known = RULE_NAMES.get(name)
    if known is None:
        raise unknown("circulation rule", name, RULE_NAMES)
    try:
        return known.parse(text.strip())
    except ValueError as error:
        raise ValueError(f"{name}: {text.strip()!r} {error}.") from None


class _Value(msgspec.Struct, frozen=True):
    name: str
    value: object
    valid_from: int
    valid_to: int | None

    def in_force(self, at: int) -> bool:
        return self.valid_from <= at and (self.valid_to is None or at < self.valid_to)


class _Answer(msgspec.Struct, frozen=True):
    """Terms, and from when until when they are the answer."""

    since: int
    until: float
    terms: Terms | None


class Matrix:
    """All circulation rules of an institution. Immutable; answers are remembered as long as they hold.

    ``refused`` holds one sentence for each row whose value makes no sense: it counts as not defined. Rows
    with names that this version does not know are left alone.
    """

    __slots__ = ("_answers", "_values", "refused")

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._values: dict[Key, list[_Value]] = {}
        self._answers: dict[tuple[int, int, int], _Answer] = {}
        refused: list[str] = []
        for rule in rules:
            if rule.name not in RULE_NAMES:
                continue
            try:
                value = parse_value(rule.name, rule.value)
            except ValueError as error:
                refused.append(str(error))
                continue
            key = (rule.branch_id, rule.patron_type_id, rule.item_type_id)
            self._values.setdefault(key, []).append(_Value(rule.name, value, rule.valid_from, rule.valid_to))
        self.refused = tuple(refused)
        for values in self._values.values():
            # Of two rows in force for one name the one that began last wins: it is written last.
            values.sort(key=lambda value: value.valid_from)

    def terms(self, branch_id: int, patron_type_id: int, item_type_id: int, at: datetime) -> Terms | None:
        """The terms in force at ``at``; None when no loan period is defined, so nothing may be lent
        (CO-6)."""
        key = (branch_id, patron_type_id, item_type_id)
        moment = int(at.timestamp())
        answer = self._answers.get(key)
        if answer is None or not answer.since <= moment < answer.until:
            answer = self._answers[key] = self._ask(key, moment)
        return answer.terms

    def value(
        self, name: str, branch_id: int, patron_type_id: int, item_type_id: int, at: datetime
    ) -> object:
        """One rule's value in force, whether anything is lent there or not; None where it is not defined."""
        moment = int(at.timestamp())
        found: object = None
        for scope in _from_general(branch_id, patron_type_id, item_type_id):
            for value in self._values.get(scope, ()):
                if value.name == name and value.in_force(moment):
                    found = value.value
        return found

    def in_force(self, name: str, at: datetime) -> Iterator[object]:
        """Every value that one rule has somewhere."""
        moment = int(at.timestamp())
        for values in self._values.values():
            for value in values:
                if value.name == name and value.in_force(moment):
                    yield value.value

    def _ask(self, key: tuple[int, int, int], at: int) -> _Answer:
        fields: dict[str, Any] = {}
        since, until = -(2**62), float("inf")
        for scope in _from_general(*key):
            for value in self._values.get(scope, ()):
                for edge in (value.valid_from, value.valid_to):
                    if edge is None:
                        continue
                    if edge <= at:
                        since = max(since, edge)
                    else:
                        until = min(until, edge)
                if value.in_force(at):
                    fields[value.name] = value.value
        return _Answer(since, until, Terms(**fields) if "loan_period" in fields else None)


def _from_general(branch: int, patron: int, item: int) -> tuple[Key, ...]:
    """CO-6's order backwards: what is written later is more specific and wins."""
    return (
        (None, None, None),
        (None, None, item),
        (None, patron, None),
        (None, patron, item),
        (branch, None, None),
        (branch, None, item),
        (branch, patron, None),
        (branch, patron, item),
    )
