"""Which role may do what (GN-8, CN-14): one table, one function, for the command line now and a console
later.
"""

import enum
from typing import Final

import msgspec

from sip2d.vocabulary import StaffRole as Role


class Act(enum.Enum):
    """What staff may want to do."""

    SEE = "see"
    MANAGE_SITE = "manage institutions and staff accounts"
    CONFIGURE_SERVICE = "configure the SIP2 service"
    CONFIGURE_POLICY = "change circulation rules and settings"
    CONFIGURE_BLOCKS = "configure blocks, demerits and linked accounts"
    MANAGE_BLOCK_ACTIONS = "add and remove block actions"
    EDIT_PATRONS = "edit patrons"
    EDIT_ITEMS = "edit items"
    IMPORT = "import files"
    LEND = "lend, renew and take back"
    MANAGE_HOLDS = "place, change and cancel holds"
    MANAGE_NOTICES = "retry and cancel notices"
    TAKE_PAYMENT = "raise fees and take payments"
    WAIVE = "waive fees"
    RUN_JOBS = "run jobs"
    UPDATE_MEMBERSHIP = "update memberships"
    LOAD_OFFLINE = "load offline files"
    EXTEND_LOANS = "extend many loans at once"


_ADMINS: Final = frozenset({Role.CIRC_ADMIN, Role.GENERAL_SYS_ADMIN})
_MANAGERS: Final = _ADMINS | {Role.FULFILMENT_ADMIN, Role.CIRC_DESK_MANAGER}
_OPERATORS: Final = _MANAGERS | {Role.CIRC_DESK_OPERATOR}
_DESK: Final = _OPERATORS | {Role.CIRC_DESK_OPERATOR_LIMITED}
_EVERYBODY: Final = _DESK | {Role.STUDENT_WORKER}

ROLES: Final[dict[Act, frozenset[Role]]] = {
    Act.SEE: _EVERYBODY,
    Act.MANAGE_SITE: frozenset({Role.GENERAL_SYS_ADMIN}),
    Act.CONFIGURE_SERVICE: _ADMINS,
    Act.CONFIGURE_POLICY: _ADMINS | {Role.FULFILMENT_ADMIN},
    Act.CONFIGURE_BLOCKS: frozenset({Role.GENERAL_SYS_ADMIN, Role.FULFILMENT_ADMIN}),  # BL-21, BL-67
    Act.MANAGE_BLOCK_ACTIONS: frozenset({Role.GENERAL_SYS_ADMIN}),  # BL-5
    Act.EDIT_PATRONS: _OPERATORS,
    Act.EDIT_ITEMS: _OPERATORS,
    Act.IMPORT: _MANAGERS,
    Act.LEND: _EVERYBODY,
    Act.MANAGE_HOLDS: _EVERYBODY,
    Act.MANAGE_NOTICES: _OPERATORS,
    Act.TAKE_PAYMENT: _DESK,
    Act.WAIVE: _MANAGERS,
    Act.RUN_JOBS: _MANAGERS,
    Act.UPDATE_MEMBERSHIP: _EVERYBODY,  # MB-16
    Act.LOAD_OFFLINE: _OPERATORS,  # OF-10
    Act.EXTEND_LOANS: _MANAGERS,  # it bypasses the loan policies (BR-2)
}
"""PATRON and SYSTEM are no roles of persons at a desk: they may do nothing here."""


class Staff(msgspec.Struct, frozen=True):
    """Who acts. ``institution_id`` None: the whole site; ``branch_ids`` empty: every branch of the
    institution.

    ``id`` is None for the owner of a database that has no staff account yet.
    """

    id: int | None
    login: str
    roles: frozenset[str]
    institution_id: int | None = None
    branch_ids: frozenset[int] = frozenset()
    enabled: bool = True


class Denial(msgspec.Struct, frozen=True):
    """Why not, as one sentence."""

    login: str
    act: Act
    sentence: str


def authorise(
    staff: Staff, act: Act, *, institution_id: int | None = None, branch_id: int | None = None
) -> Denial | None:
    """May this person do this there? None is yes. Without an institution the act concerns the whole site."""
    who = f"{staff.login!r} may not {act.value}"
    if not staff.enabled:
        return Denial(staff.login, act, f"The staff account {staff.login!r} is disabled.")
    allowed = ROLES[act]
    if not staff.roles & allowed:
        return Denial(staff.login, act, f"{who}: that takes one of the roles {', '.join(sorted(allowed))}.")
    if staff.institution_id is not None and staff.institution_id != institution_id:
        where = "for the whole site" if institution_id is None else "in this institution"
        return Denial(staff.login, act, f"{who} {where}.")
    if staff.branch_ids and branch_id is not None and branch_id not in staff.branch_ids:
        return Denial(staff.login, act, f"{who} at this branch.")
    return None


def best_role(staff: Staff) -> str | None:
    """The role an act is recorded under: the mightiest that the person has."""
    return next((role.value for role in Role if role in staff.roles), None)
