"""JB-6: the bills that are missing (MB-11) or due again (MB-17), and reminders of memberships that end soon
(MB-44).

A membership ends by itself: its status follows from the date (MB-10).
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Final

from sip2d.desk import membership
from sip2d.jobs.job import PIECE, Job, Pieces, Run, Tally, read, write
from sip2d.jobs.membership_notices import HOUR, full_hour
from sip2d.policy.facts import PatronTypeFacts
from sip2d.policy.membership import MembershipPolicy
from sip2d.policy.setting_names import settings_of
from sip2d.store import memberships, outbox, patrons
from sip2d.store.library import Institution
from sip2d.store.memberships import Membership
from sip2d.store.unit import Unit

REMINDER: Final = "MEMBERSHIP_REMINDER"


def membership_expiry(run: Run) -> Pieces:
    """Per patron type with a policy. Keys: a patron who never had a bill (``MEMB_BILL|patron|1``), a
    membership that no bill follows (``MEMBX|membership``), ``MEMB_EXP|membership|days``: done once."""
    for owner in run.institutions:
        settings = settings_of(owner.settings, owner.decimals)
        today = run.as_of.astimezone(owner.zone).date()
        for kind in run.library.patron_types.values():
            if kind.institution_id != owner.id or kind.membership_policy_id is None:
                continue
            yield from _bill(run, partial(memberships.never_billed, type_id=kind.id), "missing_billed")
            if settings.auto_bill_on_expiry:
                lapsed = partial(memberships.lapsed, type_id=kind.id, today=today)
                yield from _bill(run, lapsed, "lapsed_billed")
            yield from _remind(run, owner, kind, today)


def _bill(run: Run, page: Callable[..., list[int]], counter: str) -> Pieces:
    after = 0
    while patron_ids := (yield read(partial(page, after=after, limit=PIECE))):
        yield write(partial(_bill_each, run=run, patron_ids=patron_ids, counter=counter))
        after = patron_ids[-1]


def _bill_each(unit: Unit, *, run: Run, patron_ids: Sequence[int], counter: str) -> Tally:
    tally = Tally()
    for patron_id in patron_ids:
        who = patrons.by_id(unit, patron_id, run.as_of)
        assert who is not None
        desk = run.desk(unit.library.branches[who.home_branch_id])
        if membership.patron_added(unit, desk, patron_id) is not None:
            tally.count(counter)
            tally.tell(patron=who.barcode, billed=counter.removesuffix("_billed"))
    return tally


def _remind(run: Run, owner: Institution, kind: PatronTypeFacts, today: date) -> Pieces:
    """By the policy that the next period would be sold by; the mails leave with the next full hour."""
    policy = run.library.membership_policies[kind.membership_policy_id or 0]
    if policy.reminder_template is None:
        return
    for days in policy.reminder_days:
        after = 0
        last_day = today + timedelta(days=days)
        while rows := (
            yield read(
                partial(memberships.ending_on, type_id=kind.id, last_day=last_day, after=after, limit=PIECE)
            )
        ):
            yield write(partial(_tell, run=run, owner=owner, policy=policy, days=days, rows=rows))
            after = rows[-1].id


def _tell(
    unit: Unit,
    *,
    run: Run,
    owner: Institution,
    policy: MembershipPolicy,
    days: int,
    rows: Sequence[Membership],
) -> Tally:
    tally = Tally()
    for each in rows:
        who = patrons.by_id(unit, each.patron_id, run.as_of)
        assert who is not None
        queued = outbox.queue(
            unit, institution_id=owner.id, branch_id=who.home_branch_id, patron_id=who.id, type_=REMINDER,
            key=f"MEMB_EXP|{each.id}|{days}",
            context={"expires_on": each.expires_on.isoformat(), "days": days},
            now=run.as_of, template=policy.reminder_template, not_before=full_hour(run.as_of, owner) + HOUR,
        )  # fmt: skip
        tally.count("known" if queued is None else "reminded")
    return tally


JOB: Final = Job(
    name="membership-expiry",
    code="JB-6",
    title="Membership bills that are missing or due again, and reminders",
    schedule="5 0 * * *",
    per="institution",
    catch_up="last",
    body=membership_expiry,
)
