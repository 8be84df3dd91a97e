"""Terminals that come and go: logins made up for one run, rows nothing uses, addresses turned away
(CN-7, CN-11, CN-12).
"""

from datetime import datetime, timedelta

import msgspec

from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.terminals import (
    UNSAID,
    Login,
    Options,
    add,
    change,
    network_of,
    remove,
    rows_at,
    shown_row,
)
from sip2d.desk.staff.work import Refused, Work
from sip2d.store import records
from sip2d.store.records import Record
from sip2d.store.tables import refused_address, terminal
from sip2d.store.times import instant, seconds
from sip2d.vocabulary import BULK


def upsert(
    work: Work,
    *,
    address: str,
    login: Login,
    branch_name: str | None = None,
    expires_at: datetime | None = None,
    options: Options = UNSAID,
) -> tuple[Record, bool]:
    """CN-11, both branches of the procedure: the address's row gets this login, or there is a new row. True:
    it was made.

    Of several rows of the address the one with this user name is taken, else the one for bulk renewals; else
    one more is made. A row made here is for bulk renewals: it requires TLS (CN-1), and without
    ``branch_name`` it belongs to the branch marked for them.
    """
    network = network_of(address)
    sharing = rows_at(work, network)
    row = _renewed(sharing, login.username)
    if row is not None:
        changed = change(
            work, str(row["id"]), branch_name=branch_name, username=login.username,
            password_hash=login.password_hash,
            reset_password=True, enabled=True, expires_at=expires_at, never_expires=expires_at is None,
            options=options, action="upsert",
        )  # fmt: skip
        return changed, False
    place = branch_name or _renewal_branch(work)
    bulk = msgspec.structs.replace(
        options, require_tls=True, purpose=BULK, description=options.description or "Made by upsert"
    )
    name = _free_name(work, f"{BULK}-{network.network_address}")
    made = add(
        work, name, branch_name=place, address=address, login=login, expires_at=expires_at, options=bulk
    )
    return made, True


def unused(work: Work, days: int) -> list[Record]:
    """Terminals without traffic (or younger than that) for so many days, the longest silent first (CN-12)."""
    work.require(Act.SEE, work.staff.institution_id)
    limit = seconds(work.now - timedelta(days=days))
    rows = [
        row
        for row in records.rows(work.unit, terminal, removed_at=None)
        if (row["last_used_at"] or row["created_at"]) < limit
        and work.staff.institution_id in (None, work.library.branches[row["branch_id"]].institution_id)
    ]
    rows.sort(key=lambda row: row["last_used_at"] or row["created_at"])
    return [shown_row(work, row) for row in rows]


def prune(work: Work, days: int) -> list[Record]:
    """Remove those; what was removed."""
    if days < 1:
        raise Refused("Terminals are pruned after one day without traffic at the earliest.")
    return [remove(work, str(row["id"]), action="prune") for row in unused(work, days)]


def refused(work: Work) -> list[Record]:
    """The addresses that were turned away, newest first, each with the command that would admit it (CN-7)."""
    work.require(Act.SEE, work.staff.institution_id)
    rows = records.rows(work.unit, refused_address)
    return [
        {
            "address": row["address"],
            "reason": row["reason"],
            "listener": row["listener"],
            "count": row["count"],
            "first_at": instant(row["first_at"]).isoformat(),
            "last_at": instant(row["last_at"]).isoformat(),
            "command": f"sip2d terminal add NAME --branch BRANCH --address {row['address']} --username USER",
        }
        for row in sorted(rows, key=lambda row: -row["last_at"])
    ]


def _renewed(sharing: list[Record], username: str) -> Record | None:
    same = [row for row in sharing if row["username"] == username]
    bulk = [row for row in sharing if row["purpose"] == BULK]
    for found in (same, sharing, bulk):
        if len(found) == 1:
            return found[0]
    return None


def _renewal_branch(work: Work) -> str:
    marked = [
        place
        for place in work.library.branches.values()
        if place.sip2.renewal_branch and work.staff.institution_id in (None, place.institution_id)
    ]
    if len(marked) != 1:
        raise Refused("No terminal has this address yet: say to which branch it belongs with --branch.")
    return f"{work.library.institutions[marked[0].institution_id].code}/{marked[0].code}"


def _free_name(work: Work, name: str) -> str:
    number, free = 1, name
    while records.one(work.unit, terminal, name=free) is not None:
        number += 1
        free = f"{name}-{number}"
    return free
