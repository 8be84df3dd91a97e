"""`sip2d membership`, `sip2d membership-policy`, `sip2d proxy`: paid rights to borrow (circulation.md 7)."""

from typing import Annotated

import typer

from sip2d.cli.caller import Caller, said
from sip2d.cli.command import command, group
from sip2d.cli.options import Enabled, Institution, Limit

app = group("Memberships of patrons: a paid right to borrow.")
policies = group("Membership policies: what a membership costs and how long it lasts.")
proxies = group("Proxy cards: barcodes that let somebody act for a patron.")

Patron = Annotated[str, typer.Argument(help="Barcode, or another identifier.")]
Policy = Annotated[str, typer.Argument(help="The policy's name.")]
Fee = Annotated[str | None, typer.Option("--fee", help="Such as 30.00; 0 makes it active at once.")]
Period = Annotated[
    str | None, typer.Option("--period", help="Such as '1 year', '6 months', '2 weeks', '30 days'.")
]
Reason = Annotated[str | None, typer.Option("--bill-reason", help="What the bill says it is for.")]
Days = Annotated[
    str | None, typer.Option("--reminder-days", help="Days before the last one, such as 30,7; '' for none.")
]
BillTemplate = Annotated[
    str | None, typer.Option("--bill-template", help="Of the bill's notice; '' for no notice.")
]
ConfirmationTemplate = Annotated[
    str | None, typer.Option("--confirmation-template", help="Of the confirmation; '' for no notice.")
]
ReminderTemplate = Annotated[
    str | None, typer.Option("--reminder-template", help="Of the reminders; '' for no notice.")
]
Card = Annotated[str, typer.Argument(help="The proxy card's barcode.")]
Holder = Annotated[
    str | None, typer.Option("--holder", help="Barcode of who holds it, where he is a patron himself.")
]
LastDay = Annotated[str | None, typer.Option("--expires-on", help="Its last day, such as 2026-12-31.")]


@command(app, "show")
def show(caller: Caller, patron: Patron, institution: Institution = None) -> None:
    """Show a patron's status and all his memberships."""
    from sip2d.desk.staff import memberships

    caller.show(caller.read("membership.show", lambda work: memberships.show(work, patron, institution)))


@command(app, "list")
def list_(
    caller: Caller,
    institution: Institution = None,
    status: Annotated[
        str | None, typer.Option("--status", help="ACTIVE, FEE_DUE, UNKNOWN, EXPIRED or NOT_REQUIRED.")
    ] = None,
    limit: Limit = 100,
) -> None:
    """List patrons who have a membership or need one."""
    from sip2d.desk.staff import memberships

    caller.show(
        caller.read(
            "membership.list",
            lambda work: memberships.listing(work, institution, wanted=status, limit=limit),
        )
    )


@command(app, "update")
def update(
    caller: Caller,
    patron: Patron,
    institution: Institution = None,
    existing: Annotated[
        str | None, typer.Option("--existing", metavar="DATE", help="He has one, paid for until this day.")
    ] = None,
    new: Annotated[bool, typer.Option("--new", help="He takes one: make the bill.")] = False,
) -> None:
    """Update an unknown status. A last day, once set, is never changed."""
    from sip2d.desk.staff import memberships

    caller.show(
        caller.write(
            "membership.update",
            lambda work: memberships.update(
                work, patron, existing=existing, new=new, institution_code=institution
            ),
        )
    )


@command(app, "renew")
def renew(caller: Caller, patron: Patron, institution: Institution = None) -> None:
    """Make the bill of the next period."""
    from sip2d.desk.staff import memberships

    caller.show(caller.write("membership.renew", lambda work: memberships.renew(work, patron, institution)))


@command(app, "release")
def release(caller: Caller, patron: Patron, institution: Institution = None) -> None:
    """Unblock a patron whom a removed policy left blocked."""
    from sip2d.desk.staff import memberships

    caller.show(
        caller.write("membership.release", lambda work: memberships.release(work, patron, institution))
    )


@command(policies, "list")
def policy_list(caller: Caller, institution: Institution = None) -> None:
    """List the policies with the patron types that take them."""
    from sip2d.desk.staff import membership_policies

    caller.show(
        caller.read("membership-policy.list", lambda work: membership_policies.listing(work, institution))
    )


@command(policies, "show")
def policy_show(caller: Caller, name: Policy, institution: Institution = None) -> None:
    """Show one policy."""
    from sip2d.desk.staff import membership_policies

    caller.show(
        caller.read("membership-policy.show", lambda work: membership_policies.show(work, name, institution))
    )


@command(policies, "add")
def policy_add(
    caller: Caller,
    name: Policy,
    institution: Institution = None,
    fee: Fee = None,
    period: Period = None,
    bill_reason: Reason = None,
    reminder_days: Days = None,
    bill_template: BillTemplate = None,
    confirmation_template: ConfirmationTemplate = None,
    reminder_template: ReminderTemplate = None,
) -> None:
    """Add a policy. Patrons take it by their type: `patron-type set CODE --membership-policy NAME`."""
    templates = said(
        bill_template=bill_template, confirmation_template=confirmation_template,
        reminder_template=reminder_template,
    )  # fmt: skip
    values = said(fee=fee, period=period, bill_reason=bill_reason, reminder_days=reminder_days)
    _save(caller, name, institution, templates, True, **values)


@command(policies, "set")
def policy_set(
    caller: Caller,
    name: Policy,
    institution: Institution = None,
    fee: Fee = None,
    period: Period = None,
    bill_reason: Reason = None,
    reminder_days: Days = None,
    bill_template: BillTemplate = None,
    confirmation_template: ConfirmationTemplate = None,
    reminder_template: ReminderTemplate = None,
    enabled: Enabled = None,
) -> None:
    """Change a policy; what was sold before stays as it was."""
    templates = said(
        bill_template=bill_template, confirmation_template=confirmation_template,
        reminder_template=reminder_template,
    )  # fmt: skip
    values = said(
        fee=fee, period=period, bill_reason=bill_reason, reminder_days=reminder_days, enabled=enabled
    )
    _save(caller, name, institution, templates, False, **values)


def _save(
    caller: Caller,
    name: str,
    institution: str | None,
    templates: dict[str, str],
    new: bool,
    **values: object,
) -> None:
    from sip2d.desk.staff import membership_policies

    options = said(**values)
    caller.show(
        caller.write(
            "membership-policy.save",
            lambda work: membership_policies.save(
                work, name, institution_code=institution, new=new, templates=templates, **options
            ),
        )
    )


@command(policies, "remove")
def policy_remove(caller: Caller, name: Policy, institution: Institution = None) -> None:
    """Remove a policy that no patron type takes; one that was sold by is disabled."""
    from sip2d.desk.staff import membership_policies

    caller.show(
        caller.write(
            "membership-policy.remove", lambda work: membership_policies.remove(work, name, institution)
        )
    )


@command(proxies, "list")
def proxy_list(
    caller: Caller,
    institution: Institution = None,
    patron: Annotated[str | None, typer.Option("--patron", help="Only those that stand for him.")] = None,
) -> None:
    """List proxy cards."""
    from sip2d.desk.staff import proxies as cards

    caller.show(caller.read("proxy.list", lambda work: cards.listing(work, institution, patron=patron)))


@command(proxies, "add")
def proxy_add(
    caller: Caller,
    card: Card,
    patron: Annotated[str, typer.Option("--patron", help="Barcode of the account it stands for.")],
    institution: Institution = None,
    holder: Holder = None,
    expires_on: LastDay = None,
) -> None:
    """Add a proxy card."""
    from sip2d.desk.staff import proxies as cards

    caller.show(
        caller.write(
            "proxy.add",
            lambda work: cards.add(
                work, card, patron, holder=holder, expires_on=expires_on, institution_code=institution
            ),
        )
    )


@command(proxies, "set")
def proxy_set(
    caller: Caller,
    card: Card,
    institution: Institution = None,
    holder: Holder = None,
    expires_on: LastDay = None,
    enabled: Enabled = None,
) -> None:
    """Change a proxy card; an empty value takes away what may be missing."""
    from sip2d.desk.staff import proxies as cards

    caller.show(
        caller.write(
            "proxy.set",
            lambda work: cards.change(
                work, card, holder=holder, expires_on=expires_on, enabled=enabled,
                institution_code=institution,
            ),
        )
    )  # fmt: skip


@command(proxies, "remove")
def proxy_remove(caller: Caller, card: Card, institution: Institution = None) -> None:
    """Remove a proxy card."""
    from sip2d.desk.staff import proxies as cards

    caller.show(caller.write("proxy.remove", lambda work: cards.remove(work, card, institution)))
