"""GN-8, CN-14: the whole table of roles, and the scope of an account."""

import pytest

from sip2d.desk.staff.authorise import ROLES, Act, Staff, authorise
from sip2d.vocabulary import StaffRole

ADMINS = {"CIRC_ADMIN", "GENERAL_SYS_ADMIN"}
MANAGERS = ADMINS | {"FULFILMENT_ADMIN", "CIRC_DESK_MANAGER"}
OPERATORS = MANAGERS | {"CIRC_DESK_OPERATOR"}
DESK = OPERATORS | {"CIRC_DESK_OPERATOR_LIMITED"}
EVERYBODY = DESK | {"STUDENT_WORKER"}

TABLE = {
    Act.SEE: EVERYBODY,
    Act.MANAGE_SITE: {"GENERAL_SYS_ADMIN"},
    Act.CONFIGURE_SERVICE: ADMINS,
    Act.CONFIGURE_POLICY: ADMINS | {"FULFILMENT_ADMIN"},
    Act.CONFIGURE_BLOCKS: {"GENERAL_SYS_ADMIN", "FULFILMENT_ADMIN"},  # BL-21, BL-67
    Act.MANAGE_BLOCK_ACTIONS: {"GENERAL_SYS_ADMIN"},  # BL-5
    Act.EDIT_PATRONS: OPERATORS,
    Act.EDIT_ITEMS: OPERATORS,
    Act.IMPORT: MANAGERS,
    Act.LEND: EVERYBODY,
    Act.MANAGE_HOLDS: EVERYBODY,
    Act.MANAGE_NOTICES: OPERATORS,
    Act.TAKE_PAYMENT: DESK,
    Act.WAIVE: MANAGERS,
    Act.RUN_JOBS: MANAGERS,
    Act.UPDATE_MEMBERSHIP: EVERYBODY,  # MB-16
    Act.LOAD_OFFLINE: OPERATORS,  # OF-10
    Act.EXTEND_LOANS: MANAGERS,
}


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("role", StaffRole)
def test_every_role_may_what_the_table_says(act: Act, role: StaffRole) -> None:
    """GN-8, CN-14."""
    denial = authorise(Staff(1, "a", frozenset({role})), act, institution_id=1)
    assert (denial is None) == (role.value in TABLE[act])
    if denial is not None:
        assert all(each in denial.sentence for each in ROLES[act])


@pytest.mark.parametrize(
    ("institution", "branches", "at_institution", "at_branch", "allowed"),
    [
        (None, (), None, None, True),
        (None, (), 7, 70, True),
        (1, (), 1, 10, True),
        (1, (), 2, 20, False),
        (1, (), None, None, False),
        (1, (10,), 1, 10, True),
        (1, (10,), 1, 11, False),
        (1, (10,), 1, None, True),
    ],
)
def test_an_account_works_where_it_belongs(
    institution: int | None,
    branches: tuple[int, ...],
    at_institution: int | None,
    at_branch: int | None,
    allowed: bool,
) -> None:
    staff = Staff(1, "a", frozenset({StaffRole.GENERAL_SYS_ADMIN}), institution, frozenset(branches))
    denial = authorise(staff, Act.MANAGE_SITE, institution_id=at_institution, branch_id=at_branch)
    assert (denial is None) == allowed


def test_a_disabled_account_may_nothing() -> None:
    staff = Staff(1, "a", frozenset({StaffRole.GENERAL_SYS_ADMIN}), enabled=False)
    assert all(authorise(staff, act) is not None for act in Act)
