"""A library of one branch in memory, and terminals for it."""

from ipaddress import ip_network
from zoneinfo import ZoneInfo

import msgspec

from sip2d.policy.calendar import Calendar
from sip2d.store.library import Branch, BranchSip2, Institution, Library, Terminal

NOW = 1_800_000_000
ZONE = ZoneInfo("UTC")

SIP2 = BranchSip2(
    configured=True, preset=None, retries_allowed=3, timeout_seconds=15, idle_timeout_seconds=600,
    send_personal_data=False, available_hold_allowed=False, use_sort_bin=False, terminal_location="",
    library_name="", max_print_width=0, language=None, profile=None, encoding=None, line_terminator=None,
    error_detection=None, valid_patron=None, renewal_branch=False, due_receipt_enabled=False,
    allow_empty_pins=False, enforce_institution=False, support={},
)  # fmt: skip


def institution(**changed: object) -> Institution:
    made = Institution(1, "LIB", "Library", ZONE, "EUR", 2, "en", None, 0, True, {})
    return msgspec.structs.replace(made, **changed)


def branch(number: int = 1, code: str = "MAIN", *, configured: bool = True, **changed: object) -> Branch:
    sip2 = msgspec.structs.replace(SIP2, configured=configured)
    made = Branch(number, 1, code, code, ZONE, True, Calendar(ZONE, ((),) * 7, (), {}), sip2)
    return msgspec.structs.replace(made, **changed)


def terminal(number: int, network: str, username: str | None = None, **changed: object) -> Terminal:
    made = Terminal(
        id=number, name=f"T{number}", branch_id=1, network=ip_network(network), username=username,
        password_hash=None if username is None else f"hash of {username}", enabled=True, profile="standard",
        group_resolution=False, require_tls=False, client_certificate=None, quota=32, any_branch=False,
        override_role=None, auto_override=False, purpose=None, expires_at=None,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changed)


def library(
    *terminals: Terminal,
    epoch: int = 1,
    branches: tuple[Branch, ...] = (branch(),),
    institutions: tuple[Institution, ...] = (institution(),),
) -> Library:
    return Library(
        epoch,
        {one.id: one for one in institutions},
        {one.id: one for one in branches},
        terminals,
        {},
        {},
        {},
        {},
        {},
    )
