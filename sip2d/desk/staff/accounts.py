"""Staff accounts, and who it is that runs a command (GN-8).

On the machine itself a person is known by the operating system: the account whose ``os_user`` is his. Another
account can be named, when it is bound to no OS user, or by root. That attributes, it does not authenticate:
who
can open the database file needs no command of ours.

A database without any account belongs to root, to the owner of its file, and on PostgreSQL to whoever has its
URL: the first change that such a person makes creates his account with the role GENERAL_SYS_ADMIN.
"""

from collections.abc import Iterable

import msgspec

from sip2d.desk.staff.authorise import Act, Denial, Staff, authorise
from sip2d.desk.staff.find import institution
from sip2d.desk.staff.work import Denied, Refused, Work, changes
from sip2d.store import records
from sip2d.store.records import Record
from sip2d.store.tables import staff_account
from sip2d.store.unit import Unit
from sip2d.vocabulary import StaffRole

FIRST_ROLE = StaffRole.GENERAL_SYS_ADMIN
GIVABLE = tuple(role for role in StaffRole if role not in (StaffRole.PATRON, StaffRole.SYSTEM))


class Identity(msgspec.Struct, frozen=True):
    """Who runs a command. ``owns``: the database is his, so he may make its first account."""

    os_user: str
    login: str | None = None
    root: bool = False
    owns: bool = False


def identify(unit: Unit, who: Identity) -> Staff:
    """The person's account; the owner's standing where there is no account at all. Raises `Denied`."""
    if who.login is None:
        row = records.one(unit, staff_account, os_user=who.os_user)
    else:
        row = records.one(unit, staff_account, login=who.login)
        if row is not None and row["os_user"] not in (None, who.os_user) and not who.root:
            sentence = f"The staff account {who.login!r} belongs to another user of this machine."
            raise Denied(Denial(who.os_user, Act.SEE, sentence))
    if row is not None:
        staff = _staff(row)
        if not staff.enabled:
            raise Denied(Denial(staff.login, Act.SEE, f"The staff account {staff.login!r} is disabled."))
        return staff
    if who.owns and not records.count(unit, staff_account):
        return Staff(None, who.login or who.os_user, frozenset({FIRST_ROLE}))
    name = who.login or who.os_user
    hint = "" if who.login else " Name one with --as LOGIN, or have `sip2d staff add LOGIN --os-user` done."
    raise Denied(Denial(name, Act.SEE, f"There is no staff account for {name!r}.{hint}"))


def first_account(work: Work, os_user: str) -> Work:
    """Give the owner of a database without accounts his own (see the module); the work goes on under it."""
    if work.staff.id is not None:
        return work
    values = {"login": work.staff.login, "os_user": os_user, "roles": _json([FIRST_ROLE])}
    account = records.add(work.unit, staff_account, **values)
    work.record("staff", account, "bootstrap", None, values)
    return msgspec.structs.replace(work, staff=msgspec.structs.replace(work.staff, id=account))


def listing(work: Work) -> list[Record]:
    """Every account, without secrets."""
    work.require(Act.SEE, work.staff.institution_id)
    rows = records.rows(work.unit, staff_account, "login")
    return [_shown(work, row) for row in rows if work.staff.institution_id in (None, row["institution_id"])]


def show(work: Work, login: str) -> Record:
    """One account, without secrets."""
    row = _row(work, login)
    work.require(Act.SEE, row["institution_id"])
    return _shown(work, row)


def add(
    work: Work,
    login: str,
    *,
    roles: Iterable[str],
    name: str = "",
    os_user: str | None = None,
    institution_code: str | None = None,
    branch_codes: Iterable[str] = (),
) -> Record:
    """Make an account. The first of all must be one for the whole site that may make others."""
    place = institution(work, institution_code).id if institution_code else None
    work.require(Act.MANAGE_SITE, place)
    wanted = _roles(work, roles)
    if work.staff.id is None and (FIRST_ROLE not in wanted or place is not None):
        raise Refused(f"The first account must have the role {FIRST_ROLE} and no institution.")
    if not login.strip():
        raise Refused("A login is not empty.")
    if records.one(work.unit, staff_account, login=login) is not None:
        raise Refused(f"There is a staff account {login!r} already.")
    _os_user_free(work, os_user)
    values: Record = {
        "login": login,
        "name": name,
        "os_user": os_user,
        "institution_id": place,
        "roles": _json(wanted),
        "branch_ids": _json(_branches(work, place, branch_codes)),
    }
    account = records.add(work.unit, staff_account, **values)
    work.record("staff", account, "add", None, values, library=False)
    return show_of(work, login)


def change(
    work: Work,
    login: str,
    *,
    roles: Iterable[str] | None = None,
    name: str | None = None,
    os_user: str | None = None,
    enabled: bool | None = None,
) -> Record:
    """Change what is given; an empty ``os_user`` takes it away. Somebody must always be left who may make
    accounts.
    """
    row = _row(work, login)
    work.require(Act.MANAGE_SITE, row["institution_id"])
    wanted: Record = {}
    if roles is not None:
        wanted["roles"] = _json(_roles(work, roles))
    if name is not None:
        wanted["name"] = name
    if os_user is not None:
        _os_user_free(work, os_user or None, but=row["id"])
        wanted["os_user"] = os_user or None
    if enabled is not None:
        wanted["enabled"] = int(enabled)
    before, after = changes(row, wanted)
    if after:
        records.change(work.unit, staff_account, after, id=row["id"])
        _somebody_left(work)
        work.record("staff", row["id"], "set", before, after, library=False)
    return show_of(work, login)


def show_of(work: Work, login: str) -> Record:
    """An account as it stands now, for whoever just changed it."""
    return _shown(work, _row(work, login))


def _staff(row: Record) -> Staff:
    return Staff(
        row["id"],
        row["login"],
        frozenset(msgspec.json.decode(row["roles"], type=list[str])),
        row["institution_id"],
        frozenset(msgspec.json.decode(row["branch_ids"], type=list[int])),
        bool(row["enabled"]),
    )


def _shown(work: Work, row: Record) -> Record:
    staff = _staff(row)
    owner = work.library.institutions.get(staff.institution_id or 0)
    return {
        "login": staff.login,
        "name": row["name"],
        "os_user": row["os_user"],
        "roles": sorted(staff.roles),
        "institution": owner.code if owner else None,
        "branches": sorted(
            branch.code for branch in work.library.branches.values() if branch.id in staff.branch_ids
        ),
        "enabled": staff.enabled,
    }


def _row(work: Work, login: str) -> Record:
    row = records.one(work.unit, staff_account, login=login)
    if row is None:
        raise Refused(f"There is no staff account {login!r}.")
    return row


def _roles(work: Work, roles: Iterable[str]) -> list[str]:
    wanted = sorted({role.upper() for role in roles})
    unknown = [role for role in wanted if role not in GIVABLE]
    if unknown or not wanted:
        known = ", ".join(GIVABLE)
        raise Refused(f"{', '.join(unknown) or 'No role'} is not a role of staff: give one of {known}.")
    if FIRST_ROLE in wanted and FIRST_ROLE not in work.staff.roles:
        raise Refused(f"Only {FIRST_ROLE} gives the role {FIRST_ROLE}.")
    return wanted


def _branches(work: Work, place: int | None, codes: Iterable[str]) -> list[int]:
    wanted = set(codes)
    if wanted and place is None:
        raise Refused("An account for some branches belongs to an institution: give --institution.")
    known = {
        branch.code: branch.id for branch in work.library.branches.values() if branch.institution_id == place
    }
    if unknown := wanted - known.keys():
        raise Refused(f"There is no branch {', '.join(sorted(unknown))} in this institution.")
    return sorted(known[code] for code in wanted)


def _os_user_free(work: Work, os_user: str | None, but: int | None = None) -> None:
    taken = None if os_user is None else records.one(work.unit, staff_account, os_user=os_user)
    if taken is not None and taken["id"] != but:
        raise Refused(f"The user {os_user!r} of this machine is {taken['login']!r} already.")


def _somebody_left(work: Work) -> None:
    rows = (_staff(row) for row in records.rows(work.unit, staff_account))
    if all(authorise(staff, Act.MANAGE_SITE) is not None for staff in rows):
        raise Refused("Nobody would be left who may make staff accounts.")


def _json(values: Iterable[object]) -> str:
    return msgspec.json.encode(list(values)).decode()
