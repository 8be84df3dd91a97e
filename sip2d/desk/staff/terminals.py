"""Terminals: who may connect, from where, with which login (CN-6, CN-14).

Passwords come here hashed: nothing in this room ever sees one.
"""

import ipaddress
import re
from datetime import datetime
from typing import Final

import msgspec

from sip2d.desk.staff import find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work, changes
from sip2d.store import records
from sip2d.store.library import Branch
from sip2d.store.records import Record
from sip2d.store.tables import terminal
from sip2d.store.times import maybe_instant, maybe_seconds, seconds
from sip2d.vocabulary import BULK, StaffRole

STANDARD: Final = "standard"
REMINDER: Final = (
    "Terminals may share an address only if every one of them has a user name and a password (CN-6b)."
)
IMMUTABLE: Final = "The address of a terminal never changes: remove it and add another one (CN-6a)."


class Login(msgspec.Struct, frozen=True):
    """A user name with the argon2id hash of its password."""

    username: str
    password_hash: str

    def __repr__(self) -> str:
        return f"Login({self.username!r})"


class Options(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a terminal may be told besides address and login; None: not said."""

    profile: str | None = None
    description: str | None = None
    group_resolution: bool | None = None
    require_tls: bool | None = None
    client_certificate: str | None = None
    quota: int | None = None
    any_branch: bool | None = None
    override_role: str | None = None
    auto_override: bool | None = None
    purpose: str | None = None


UNSAID: Final = Options()


def listing(work: Work, branch_name: str | None = None, *, removed: bool = False) -> list[Record]:
    """Every terminal (of a branch), removed ones on request."""
    work.require(Act.SEE, work.staff.institution_id)
    place = find.branch(work, branch_name) if branch_name else None
    rows = records.rows(work.unit, terminal, "name")
    return [
        shown_row(work, row)
        for row in rows
        if (removed or row["removed_at"] is None)
        and (place is None or row["branch_id"] == place.id)
        and work.staff.institution_id in (None, work.library.branches[row["branch_id"]].institution_id)
    ]


def show(work: Work, name: str) -> Record:
    """One terminal, by name or id."""
    row = _row(work, name)
    _require(work, row, Act.SEE)
    return shown_row(work, row)


def add(
    work: Work,
    name: str,
    *,
    branch_name: str,
    address: str,
    login: Login | None = None,
    enabled: bool = True,
    expires_at: datetime | None = None,
    options: Options = UNSAID,
) -> Record:
    """A new terminal. Refused where CN-6 b, c or f would be broken."""
    place = find.branch(work, branch_name)
    work.require(Act.CONFIGURE_SERVICE, place.institution_id, place.id)
    if not re.fullmatch(r"[\w.:@+-]{1,64}", name) or name.isdigit():
        raise Refused(
            f"{name!r} is no name of a terminal: letters, digits and . _ - : @ +, not digits alone."
        )
    if records.one(work.unit, terminal, name=name) is not None:
        raise Refused(f"There is or was a terminal {name!r}: names are not used twice.")
    network = network_of(address)
    _address_free(work, network, login.username if login else None)
    if enabled:
        _branch_serves(work, place)
    values: Record = {
        "name": name,
        "branch_id": place.id,
        "address": str(network.network_address),
        "prefix_length": network.prefixlen,
        "username": login.username if login else None,
        "password_hash": login.password_hash if login else None,
        "enabled": int(enabled),
        "expires_at": maybe_seconds(expires_at),
        "created_at": seconds(work.now),
        "created_by": work.staff.login,
        **_checked(options),
    }
    _coherent(values)
    made = records.add(work.unit, terminal, **values)
    work.record("terminal", made, "add", None, values, branch_id=place.id)
    return shown_row(work, _row(work, name))


def change(
    work: Work,
    name: str,
    *,
    branch_name: str | None = None,
    address: str | None = None,
    username: str | None = None,
    password_hash: str | None = None,
    reset_password: bool = False,
    enabled: bool | None = None,
    expires_at: datetime | None = None,
    never_expires: bool = False,
    options: Options = UNSAID,
    action: str = "set",
) -> Record:
    """Change what is given. CN-6 a: never the address; d: a new user name needs a new password, a new
    password ``reset_password``.

    An empty ``username`` takes user name and password away.
    """
    row = _row(work, name)
    if row["removed_at"] is not None:
        raise Refused(f"The terminal {name!r} was removed: add another one.")
    _require(work, row, Act.CONFIGURE_SERVICE)
    if address is not None and network_of(address) != _network(row):
        raise Refused(IMMUTABLE)
    wanted = _checked(options)
    place = work.library.branches[row["branch_id"]]
    if branch_name is not None:
        place = find.branch(work, branch_name)
        work.require(Act.CONFIGURE_SERVICE, place.institution_id, place.id)
        wanted["branch_id"] = place.id
    wanted |= _new_login(work, row, username, password_hash, reset_password)
    if enabled is not None:
        wanted["enabled"] = int(enabled)
    if wanted.get("enabled", row["enabled"]) and (enabled or branch_name is not None):
        _branch_serves(work, place)
    if expires_at is not None or never_expires:
        wanted["expires_at"] = maybe_seconds(expires_at)
    before, after = changes(row, wanted)
    if after:
        _coherent({**row, **after})
        records.change(work.unit, terminal, after, id=row["id"])
        work.record("terminal", row["id"], action, before, after, branch_id=place.id)
    return show(work, str(row["id"]))


def remove(work: Work, name: str, *, action: str = "remove") -> Record:
    """Disable a terminal for good and keep its history (issue 4.4); its address is free again."""
    row = _row(work, name)
    _require(work, row, Act.CONFIGURE_SERVICE)
    if row["removed_at"] is None:
        after: Record = {"enabled": 0, "removed_at": seconds(work.now)}
        records.change(work.unit, terminal, after, id=row["id"])
        before = {"enabled": row["enabled"], "removed_at": None}
        work.record("terminal", row["id"], action, before, after, branch_id=row["branch_id"])
    return show(work, str(row["id"]))


def warnings(shown: Record) -> list[str]:
    """What an operator should know about a terminal that is all the same allowed."""
    said = []
    if shown["purpose"] == BULK and shown["profile"] != STANDARD:
        said.append("The bulk renewal tool needs the profile standard on its terminal (CN-9).")
    if shown["username"] is None and not shown["client_certificate"]:
        said.append("Without a user name whoever has this address is served.")
    return said


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def network_of(text: str) -> Network:
    """An address or CIDR block (CN-6). Raises `Refused` with one sentence."""
    try:
        return ipaddress.ip_network(text.strip())
    except ValueError:
        pass
    try:
        loose = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise Refused(f"{text!r} is no address such as 192.0.2.7 or 192.0.2.0/24.") from None
    raise Refused(f"{text} is an address within a network: say {loose} or {text.partition('/')[0]}.")


def _row(work: Work, name: str) -> Record:
    row = records.one(work.unit, terminal, name=name)
    if row is None and name.isdecimal() and len(name) < 18:
        row = records.one(work.unit, terminal, id=int(name))
    if row is None:
        known = (one.name for one in work.library.terminals)
        raise find.missing("terminal", name, known)
    return row


def _require(work: Work, row: Record, act: Act) -> None:
    place = work.library.branches[row["branch_id"]]
    work.require(act, place.institution_id, place.id)


def _network(row: Record) -> Network:
    return ipaddress.ip_network(f"{row['address']}/{row['prefix_length']}")


def rows_at(work: Work, network: Network) -> list[Record]:
    return records.rows(
        work.unit,
        terminal,
        address=str(network.network_address),
        prefix_length=network.prefixlen,
        removed_at=None,
    )


def _address_free(work: Work, network: Network, username: str | None, but: int | None = None) -> None:
    """CN-6 b and c."""
    for row in rows_at(work, network):
        if row["id"] == but:
            continue
        if row["username"] is None:
            raise Refused(
                f"{network} belongs to the terminal {row['name']!r}, which has no user name. {REMINDER}"
            )
        if username is None:
            raise Refused(f"{network} has the terminal {row['name']!r} already. {REMINDER}")
        if row["username"] == username:
            raise Refused(
                f"{network} has a terminal with the user name {username!r} already: {row['name']!r}."
            )


def _branch_serves(work: Work, place: Branch) -> None:
    """CN-6 f."""
    if not place.sip2.configured:
        raise Refused(
            f"The branch {place.code} is not configured for SIP2: its terminals cannot be enabled (CN-6f): "
            f"`sip2d branch set {place.code} --sip2 library_name=...`"
            f" or `sip2d branch preset kiosk --branch {place.code}`."
        )


def _new_login(
    work: Work, row: Record, username: str | None, password_hash: str | None, reset_password: bool
) -> Record:
    """CN-6 c and d."""
    renamed = username is not None and (username or None) != row["username"]
    if not renamed:
        if password_hash is None:
            return {}
        if row["username"] is None:
            raise Refused("A password needs a user name: give --username as well.")
        if not reset_password:
            raise Refused("To replace the password say --reset-password (CN-6d).")
        return {"password_hash": password_hash}
    if not username:
        _address_free(work, _network(row), None, but=row["id"])
        return {"username": None, "password_hash": None}
    if password_hash is None:
        raise Refused("A new user name clears the password: give a new one as well (CN-6d).")
    _address_free(work, _network(row), username, but=row["id"])
    return {"username": username, "password_hash": password_hash}


def _checked(options: Options) -> Record:
    """The options that were said, as columns."""
    wanted: Record = {
        key: value for key, value in msgspec.structs.asdict(options).items() if value is not None
    }
    if "quota" in wanted and not 1 <= wanted["quota"] <= 100_000:
        raise Refused("A quota lies between 1 and 100000 connections.")
    role = wanted.get("override_role")
    if role and role not in [each.value for each in StaffRole]:
        raise find.missing("role", role, [each.value for each in StaffRole])
    for key in ("override_role", "client_certificate", "purpose"):
        if key in wanted:
            wanted[key] = wanted[key] or None
    return {key: int(value) if isinstance(value, bool) else value for key, value in wanted.items()}


def _coherent(row: Record) -> None:
    if row.get("purpose") == BULK and not row.get("require_tls"):
        raise Refused("A terminal for bulk renewals requires TLS: `terminal set --require-tls` (CN-1).")


def shown_row(work: Work, row: Record) -> Record:
    """A row for a person: no hash, flags as booleans, instants as text."""
    place = work.library.branches[row["branch_id"]]
    expired = row["expires_at"] is not None and row["expires_at"] <= seconds(work.now)
    state = (
        "removed"
        if row["removed_at"]
        else "expired"
        if expired
        else "enabled"
        if row["enabled"]
        else "disabled"
    )
    times = {
        key: maybe_instant(row[key]) for key in ("expires_at", "last_used_at", "created_at", "removed_at")
    }
    return {
        "id": row["id"],
        "name": row["name"],
        "institution": work.library.institutions[place.institution_id].code,
        "branch": place.code,
        "address": str(_network(row))
        if row["prefix_length"] < _network(row).max_prefixlen
        else row["address"],
        "username": row["username"],
        "state": state,
        "profile": row["profile"],
        "require_tls": bool(row["require_tls"]),
        "group_resolution": bool(row["group_resolution"]),
        "any_branch": bool(row["any_branch"]),
        "auto_override": bool(row["auto_override"]),
        **{
            key: row[key]
            for key in ("client_certificate", "quota", "override_role", "purpose", "description")
        },
        **{key: None if at is None else at.isoformat() for key, at in times.items()},
        "created_by": row["created_by"],
    }
