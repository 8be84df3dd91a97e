"""Facts: frozen values read in one go, on which policy decides.

Instants are aware UTC datetimes, dates are local dates of the institution, money is integer minor units. The
store builds facts by position, so a field's place is part of its meaning: the statements that fill them name
their columns in this order.
"""

import enum
from datetime import UTC, date, datetime, tzinfo

import msgspec

from sip2d.policy.membership import Status
from sip2d.policy.settings import Settings
from sip2d.policy.terms import Terms


class Mode(enum.Enum):
    """How an act came to us (CO-1); decides which reasons are bypassed (CO-3)."""

    ONLINE = "ONLINE"
    NO_BLOCK = "NO_BLOCK"
    STAFF = "STAFF"


class BlockFacts(msgspec.Struct, frozen=True, gc=False):
    """A stored block on a patron; ``actions`` is a subset of LOAN, RENEW, HOLD, joined by commas."""

    id: int
    definition: str
    actions: str
    override: str
    reason: str
    origin: str
    starts_at: datetime
    expires_at: datetime | None


class PatronFacts(msgspec.Struct, frozen=True):
    """A patron, the limits of his type, and what he has: counts and money."""

    id: int
    institution_id: int
    home_branch_id: int
    type_id: int
    barcode: str
    name: str
    email: str | None
    phone: str | None
    address: str | None
    language: str | None
    pin_hash: str | None
    expires_on: date | None
    card_lost: bool
    claims_returned: int
    deleted: bool
    # counted over open loans
    loans: int = 0
    overdue: int = 0
    recalled: int = 0
    recalled_overdue: int = 0
    value_minor: int = 0
    # lost items attributed, and how many of them were billed
    lost: int = 0
    billed: int = 0
    # holds
    holds_ready: int = 0
    holds_pending: int = 0
    # money outstanding, minor units
    owed_minor: int = 0
    fines_minor: int = 0
    restricting_minor: int = 0
    fee_count: int = 0
    credit_minor: int = 0
    blocks: tuple[BlockFacts, ...] = ()
    # the membership: its last day, what is unpaid of its bills, and whether the patron was left blocked when
    # the policy of his type was removed (MB-8)
    membership_expires_on: date | None = None
    membership_owed_minor: int = 0
    membership_frozen: bool = False
    acting: "ActingFacts | None" = None


class ActingFacts(msgspec.Struct, frozen=True):
    """A proxy card in somebody's hand (MB-24): all other facts are those of the account it stands for.
    ``holder`` is who holds it, where he is a patron himself."""

    card: str
    holder: PatronFacts | None = None


class PatronTypeFacts(msgspec.Struct, frozen=True, gc=False):
    """The kind of patron, with its limits; None means no limit (CO-11).

    ``messaging`` is the notices its patrons get unless they said otherwise (JSON by type, LO-5);
    ``policy_attached_at`` (epoch seconds) when its membership policy was (MB-11).
    """

    id: int
    institution_id: int
    code: str
    name: str
    loan_limit: int | None = None
    value_limit_minor: int | None = None
    overdue_limit: int | None = None
    recalled_overdue_limit: int | None = None
    claims_limit: int | None = None
    lost_limit: int | None = None
    bills_limit_minor: int | None = None
    hold_limit: int | None = None
    limits_block_renewal: bool = False
    overdue_notice_required: bool = False
    messaging: str = "{}"
    membership_policy_id: int | None = None
    policy_attached_at: int | None = None


class LoanFacts(msgspec.Struct, frozen=True):
    """An open loan."""

    id: int
    item_id: int
    patron_id: int
    branch_id: int
    policy_branch_id: int
    loaned_at: datetime
    due_at: datetime
    renewal_count: int
    recalled_at: datetime | None


class HoldFacts(msgspec.Struct, frozen=True):
    """An active hold."""

    id: int
    patron_id: int
    title_id: int
    item_id: int | None
    kind: str
    scope: str
    pickup_branch_id: int
    copy_branch_id: int | None
    placed_at: datetime
    priority: int
    status: str
    filled_item_id: int | None
    shelf_expires_at: datetime | None
    expires_at: datetime | None
    starts_at: datetime | None
    version: int


class ItemFacts(msgspec.Struct, frozen=True):
    """An item with its title and type, its open loan and the holds that concern it.

    ``shelf_hold`` is the hold this very item fills (ON_SHELF or IN_TRANSIT); ``next_hold`` the first pending
    hold that it could fill; ``queue_length`` counts the active holds of the title.
    """

    id: int
    institution_id: int
    home_branch_id: int
    holding_branch_id: int
    transit_to_branch_id: int | None
    title_id: int
    type_id: int
    barcode: str
    call_number: str
    collection_code: str
    properties: str
    price_minor: int | None
    lost_status: int
    lost_origin: str | None
    withdrawn: bool
    not_for_loan: bool
    is_temporary_ill: bool
    security_marker: str
    title: str
    author: str
    title_number: str
    loan: LoanFacts | None = None
    shelf_hold: HoldFacts | None = None
    next_hold: HoldFacts | None = None
    queue_length: int = 0


class ItemTypeFacts(msgspec.Struct, frozen=True, gc=False):
    """The kind of item."""

    id: int
    institution_id: int
    code: str
    name: str
    media_type: str = "000"
    magnetic: bool = False
    desensitize: bool = True
    checkin_message: str | None = None
    default_replacement_minor: int | None = None
    processing_fee_minor: int | None = None


class Facts(msgspec.Struct, frozen=True):
    """Everything a rule may look at.

    ``terms`` are those of (policy branch, patron type, item type), None when no rule of the matrix lends the
    item. ``today`` is the local date at the policy branch, whose zone is ``zone``. ``membership`` is how the
    patron stands with his at home (MB-30), ``holder_membership`` how the holder of a proxy card does with his
    own (MB-24). The rest is about a hold to be placed, on ``item`` or (item None) on a title: whether the
    patron holds or has the title already, how many copies of it stand on the shelf (renewals ask that too),
    whether the branch lets available items be held, and whether any copy may be held at all.
    """

    patron: PatronFacts
    patron_type: PatronTypeFacts
    item: ItemFacts | None
    item_type: ItemTypeFacts | None
    terms: Terms | None
    now: datetime
    today: date
    settings: Settings
    branch_id: int
    zone: tzinfo = UTC
    membership: Status = Status.NOT_REQUIRED
    holder_membership: Status = Status.NOT_REQUIRED
    already_held: bool = False
    already_on_loan: bool = False
    copies_available: int = 0
    available_hold_allowed: bool = False
    holdable: bool = True
