"""The report of fees and bills (MB-8): what is owed, by whom and for what."""

from sip2d.desk.staff import find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.circulation import FEE_KINDS
from sip2d.desk.staff.work import Work
from sip2d.store import searches
from sip2d.store.records import Record
from sip2d.store.times import instant

_ALL = 1_000_000


def report(
    work: Work, *, reason: str | None = None, outstanding: bool = False, institution_code: str | None = None
) -> list[Record]:
    """Every bill of an institution's patrons, or those of one kind, or the unpaid ones; oldest first, amounts
    in minor units. Bills of a removed membership policy are found here, to be waived by hand."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    kind = None if reason is None else reason.upper()
    if kind is not None and kind not in FEE_KINDS:
        raise find.missing("kind of fee", kind, FEE_KINDS)
    rows = searches.fees(work.unit, owner.id, kind=kind, paid=not outstanding, limit=_ALL)
    return [
        {**row, "created_at": instant(row["created_at"]).isoformat(), "currency": owner.currency}
        for row in rows
    ]
