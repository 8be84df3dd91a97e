"""The library in memory: everything that changes by staff's hand and not by a kiosk's, frozen for one epoch.

A unit sees the ``Library`` of the epoch its transaction reads; whoever changes one of these tables bumps the
epoch in the same
transaction. The event loop polls the epoch for the terminals (CN-7).
"""

from ipaddress import IPv4Network, IPv6Network
from zoneinfo import ZoneInfo

import msgspec

from sip2d.policy.calendar import Calendar
from sip2d.policy.facts import ItemTypeFacts, PatronTypeFacts
from sip2d.policy.lost import LostValue
from sip2d.policy.membership import MembershipPolicy
from sip2d.policy.suspension import BlockDefinition, DemeritRule
from sip2d.policy.terms import Matrix
from sip2d.vocabulary import BULK, BULK_USER


class Institution(msgspec.Struct, frozen=True):
    """The AO tenant. ``decimals`` is the currency's exponent; ``settings`` holds circulation.md 16 values as
    text, by name."""

    id: int
    code: str
    name: str
    zone: ZoneInfo
    currency: str
    decimals: int
    language: str
    group_id: int | None
    group_rank: int
    enabled: bool
    settings: dict[str, str]
    admin_email: str | None = None


class BranchSip2(msgspec.Struct, frozen=True):
    """The SIP2 settings of a branch (CN-2, CN-4); ``support`` maps each message key of CN-5 to its level."""

    configured: bool
    preset: str | None
    retries_allowed: int
    timeout_seconds: int
    idle_timeout_seconds: int
    send_personal_data: bool
    available_hold_allowed: bool
    use_sort_bin: bool
    terminal_location: str
    library_name: str
    max_print_width: int
    language: str | None
    profile: str | None
    encoding: str | None
    line_terminator: str | None
    error_detection: str | None
    valid_patron: str | None
    renewal_branch: bool
    due_receipt_enabled: bool
    allow_empty_pins: bool
    enforce_institution: bool
    support: dict[str, str]


class Branch(msgspec.Struct, frozen=True):
    """A place with a calendar and shelves."""

    id: int
    institution_id: int
    code: str
    name: str
    zone: ZoneInfo
    enabled: bool
    calendar: Calendar
    sip2: BranchSip2
    email: str | None = None


class Terminal(msgspec.Struct, frozen=True):
    """A configured SC identity (CN-6). Only rows that are not removed; ``enabled`` and ``expires_at`` (epoch
    seconds) are the caller's to ask. Id 0 is no row: staff's own session, in the process of their command.
    """

    id: int
    name: str
    branch_id: int
    network: IPv4Network | IPv6Network
    username: str | None
    password_hash: str | None
    enabled: bool
    profile: str
    group_resolution: bool
    require_tls: bool
    client_certificate: str | None
    quota: int
    any_branch: bool
    override_role: str | None
    auto_override: bool
    purpose: str | None
    expires_at: int | None

    @property
    def bulk(self) -> bool:
        """Whether it renews in bulk (BR-21): made for that, or with a user name that the tool made up."""
        return self.purpose == BULK or (self.username or "").startswith(BULK_USER)

    def __repr__(self) -> str:
        return f"Terminal({self.name})"


class SortBinRule(msgspec.Struct, frozen=True):
    """One ordered rule of HO-8; None matches anything, ``call_number_pattern`` is a glob."""

    bin: str
    holding_branch_id: int | None
    item_type_id: int | None
    call_number_pattern: str | None
    collection_code: str | None
    routing: str | None


class Library(msgspec.Struct, frozen=True):
    """All of it, by id. ``texts`` maps (institution id, scenario, language) to a customised screen text
    (SP-9); lost values, block definitions and demerit tables stand by institution and code. ``limited`` are
    the institutions that limit what a patron's items on loan are worth, or how many are lost (CO-11).
    """

    epoch: int
    institutions: dict[int, Institution]
    branches: dict[int, Branch]
    terminals: tuple[Terminal, ...]
    patron_types: dict[int, PatronTypeFacts]
    item_types: dict[int, ItemTypeFacts]
    matrices: dict[int, Matrix]
    texts: dict[tuple[int, str, str], str]
    sort_bins: dict[int, tuple[SortBinRule, ...]]
    membership_policies: dict[int, MembershipPolicy] = msgspec.field(default_factory=dict)
    lost_values: dict[int, dict[int, LostValue]] = msgspec.field(default_factory=dict)
    block_definitions: dict[int, dict[str, BlockDefinition]] = msgspec.field(default_factory=dict)
    demerit_rules: dict[int, tuple[DemeritRule, ...]] = msgspec.field(default_factory=dict)
    limited: frozenset[int] = frozenset()
