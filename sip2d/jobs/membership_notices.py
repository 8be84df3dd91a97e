"""JB-5: every hour the notices of what happened to memberships in the hour before (MB-40..MB-43)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from sip2d.jobs.job import PIECE, Job, Pieces, Run, Tally, read, write
from sip2d.store import memberships, outbox, patrons
from sip2d.store.library import Institution
from sip2d.store.memberships import Bill, Membership
from sip2d.store.unit import Unit

BILL: Final = "MEMBERSHIP_BILL"
CONFIRMATION: Final = "MEMBERSHIP_CONFIRMATION"
HOUR: Final = timedelta(hours=1)


def full_hour(at: datetime, owner: Institution) -> datetime:
    """The full hour of the institution's clock at or before an instant: zones differ by half hours too."""
    local = at.astimezone(owner.zone)
    return at - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)


def membership_notices(run: Run) -> Pieces:
    """The window is the clock hour before the run's; each bill and each membership is told once, by its key
    ``MEMB|type|patron|ref``."""
    for owner in run.institutions:
        end = full_hour(run.as_of, owner)
        yield from _bills(run, owner, end)
        yield from _confirmations(run, owner, end)


def _bills(run: Run, owner: Institution, end: datetime) -> Pieces:
    after = 0
    while rows := (
        yield read(
            partial(
                memberships.billed_between, institution_id=owner.id, after=after, start=end - HOUR, end=end,
                limit=PIECE,
            )
        )
    ):  # fmt: skip
        yield write(partial(_tell_bills, run=run, owner=owner, rows=rows))
        after = rows[-1].fee_id


def _confirmations(run: Run, owner: Institution, end: datetime) -> Pieces:
    after = 0
    while rows := (
        yield read(
            partial(
                memberships.activated_between, institution_id=owner.id, after=after, start=end - HOUR,
                end=end, limit=PIECE,
            )
        )
    ):  # fmt: skip
        yield write(partial(_tell_confirmations, run=run, owner=owner, rows=rows))
        after = rows[-1].id


def _tell_bills(unit: Unit, *, run: Run, owner: Institution, rows: Sequence[Bill]) -> Tally:
    """The amount billed and what it buys (MB-42)."""
    tally = Tally()
    for bill in rows:
        template = unit.library.membership_policies[bill.policy_id].bill_template
        context: dict[str, object] = {
            "amount_minor": bill.amount_minor,
            "period": bill.period,
            "period_unit": bill.period_unit.value,
        }
        tell(unit, run, owner, tally, bill.patron_id, BILL, bill.fee_id, template, context)
    return tally


def _tell_confirmations(unit: Unit, *, run: Run, owner: Institution, rows: Sequence[Membership]) -> Tally:
    """What was billed at first, and the last day (MB-43); no amount where nothing was billed (D-14)."""
    tally = Tally()
    for each in rows:
        policy = unit.library.membership_policies.get(each.policy_id or 0)
        bill = None if each.fee_id is None else memberships.bill_of(unit, each.fee_id)
        free = 0 if each.origin == memberships.BILL else None
        context: dict[str, object] = {
            "amount_minor": free if bill is None else bill.amount_minor,
            "expires_on": each.expires_on.isoformat(),
        }
        template = policy.confirmation_template if policy else None
        tell(unit, run, owner, tally, each.patron_id, CONFIRMATION, each.id, template, context)
    return tally


def tell(
    unit: Unit,
    run: Run,
    owner: Institution,
    tally: Tally,
    patron_id: int,
    type_: str,
    ref: int,
    template: str | None,
    context: dict[str, object],
) -> None:
    """Queue one notice; without a template there is none of that type (MB-45). By mail only: print is not
    for memberships (MB-41)."""
    if template is None:
        tally.count("no_template")
        return
    who = patrons.by_id(unit, patron_id, run.as_of)
    assert who is not None
    queued = outbox.queue(
        unit, institution_id=owner.id, branch_id=who.home_branch_id, patron_id=patron_id, type_=type_,
        key=f"MEMB|{type_}|{patron_id}|{ref}", context=context, now=run.as_of, template=template,
    )  # fmt: skip
    tally.count("known" if queued is None else "queued")


JOB: Final = Job(
    name="membership-notices",
    code="JB-5",
    title="Notices of membership bills and confirmations",
    schedule="0 * * * *",
    per="institution",
    catch_up="all",
    body=membership_notices,
)
