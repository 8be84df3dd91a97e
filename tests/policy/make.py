"""Facts for tests: a patron in order, an item on the shelf, terms that allow everything; say only what
differs."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from sip2d.policy.facts import (
    BlockFacts,
    Facts,
    HoldFacts,
    ItemFacts,
    ItemTypeFacts,
    LoanFacts,
    PatronFacts,
    PatronTypeFacts,
)
from sip2d.policy.settings import Settings
from sip2d.policy.terms import Terms

NOW = datetime(2026, 3, 9, 9, 15, tzinfo=UTC)
TODAY = date(2026, 3, 9)

PATRON = PatronFacts(
    id=1, institution_id=1, home_branch_id=1, type_id=1, barcode="P1", name="Anne Dupont", email=None,
    phone=None, address=None, language=None, pin_hash=None, expires_on=date(2027, 1, 1), card_lost=False,
    claims_returned=0, deleted=False,
)  # fmt: skip
TYPE = PatronTypeFacts(1, 1, "ADULT", "Adult")
ITEM = ItemFacts(
    id=5, institution_id=1, home_branch_id=1, holding_branch_id=1, transit_to_branch_id=None, title_id=7,
    type_id=3, barcode="I5", call_number="", collection_code="", properties="", price_minor=2000,
    lost_status=0, lost_origin=None, withdrawn=False, not_for_loan=False, is_temporary_ill=False,
    security_marker="00", title="Moby-Dick", author="", title_number="T7",
)  # fmt: skip
ITEM_TYPE = ItemTypeFacts(3, 1, "BOOK", "Book")


def loan(**values: Any) -> LoanFacts:
    """A loan of the item to the patron, due in five days."""
    base = LoanFacts(11, 5, 1, 1, 1, NOW - timedelta(days=9), NOW + timedelta(days=5), 0, None)
    return msgspec.structs.replace(base, **values)


def hold(**values: Any) -> HoldFacts:
    """A pending hold of another patron on the title."""
    base = HoldFacts(21, 2, 7, None, "HOLD", "TITLE", 1, None, NOW, 0, "PENDING", None, None, None, None, 1)
    return msgspec.structs.replace(base, **values)


def block(**values: Any) -> BlockFacts:
    """A manual block on lending without an end."""
    base = BlockFacts(31, "CONDUCT", "LOAN", "OPERATOR", "", "MANUAL", NOW - timedelta(days=1), None)
    return msgspec.structs.replace(base, **values)


def facts(
    *,
    patron: dict[str, Any] | None = None,
    patron_type: dict[str, Any] | None = None,
    item: dict[str, Any] | None = None,
    terms: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    **values: Any,
) -> Facts:
    """All in order, but for what is said."""
    replace = msgspec.structs.replace
    base = Facts(
        patron=replace(PATRON, **patron or {}),
        patron_type=replace(TYPE, **patron_type or {}),
        item=replace(ITEM, **item or {}),
        item_type=ITEM_TYPE,
        terms=Terms(**{"loan_period": 14, **(terms or {})}),
        now=NOW,
        today=TODAY,
        settings=Settings(**settings or {}),
        branch_id=1,
    )
    return replace(base, **values)
