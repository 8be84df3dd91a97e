"""`sip2d patron-type`, `sip2d item-type`."""

from typing import Annotated, Any

import typer

from sip2d.cli.caller import Caller, pairs, said
from sip2d.cli.command import command, group
from sip2d.cli.options import Institution

patron_types = group("Patron types and their limits (CO-11).")
item_types = group("Item types.")

Code = Annotated[str, typer.Argument(help="The type's code.")]
Name = Annotated[str | None, typer.Option("--name")]
Limits = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="NAME=VALUE",
        help="loan_limit, hold_limit, overdue_limit, recalled_overdue_limit, claims_limit, lost_limit, "
        "value_limit, bills_limit; an empty value means no limit.",
    ),
]
Strict = Annotated[
    bool | None,
    typer.Option("--limits-block-renewals/--limits-allow-renewals", help="CO-11 [default: allow]"),
]
Overdue = Annotated[
    bool | None, typer.Option("--overdue-notices/--no-overdue-notices", help="LO-10 [default: no]")
]
Membership = Annotated[
    str | None,
    typer.Option("--membership-policy", help="Name of the membership policy; '' for none (MB-6)."),
]
Media = Annotated[str | None, typer.Option("--media-type", help="CK: 001 book, 006 CD ...")]
Magnetic = Annotated[bool | None, typer.Option("--magnetic/--not-magnetic")]
Desensitize = Annotated[bool | None, typer.Option("--desensitize/--keep-security")]
Said = Annotated[str | None, typer.Option("--checkin-message", help="Shown when one is returned.")]
Replacement = Annotated[str | None, typer.Option("--replacement", help="Price of a lost one, such as 20.00.")]
Processing = Annotated[str | None, typer.Option("--processing-fee", help="Such as 2.00.")]


@command(patron_types, "list")
def patron_list(caller: Caller, institution: Institution = None) -> None:
    """List patron types."""
    from sip2d.desk.staff import types

    caller.show(caller.read("patron-type.list", lambda work: types.patron_types(work, institution)))


@command(patron_types, "add")
def patron_add(
    caller: Caller,
    code: Code,
    institution: Institution = None,
    name: Name = None,
    limit: Limits = None,
    limits_block_renewals: Strict = None,
    overdue_notices: Overdue = None,
    membership_policy: Membership = None,
) -> None:
    """Add a patron type."""
    options = said(
        name=name, limits_block_renewal=limits_block_renewals, overdue_notice_required=overdue_notices,
        membership_policy=membership_policy,
    )  # fmt: skip
    _patron_type(caller, code, institution, limit, options, new=True)


@command(patron_types, "set")
def patron_set(
    caller: Caller,
    code: Code,
    institution: Institution = None,
    name: Name = None,
    limit: Limits = None,
    limits_block_renewals: Strict = None,
    overdue_notices: Overdue = None,
    membership_policy: Membership = None,
) -> None:
    """Change a patron type."""
    options = said(
        name=name, limits_block_renewal=limits_block_renewals, overdue_notice_required=overdue_notices,
        membership_policy=membership_policy,
    )  # fmt: skip
    _patron_type(caller, code, institution, limit, options, new=False)


def _patron_type(
    caller: Caller,
    code: str,
    institution: str | None,
    limit: list[str] | None,
    options: dict[str, Any],
    *,
    new: bool,
) -> None:
    from sip2d.desk.staff import types

    limits = dict(pairs(limit or ()))
    caller.show(
        caller.write(
            "patron-type.save",
            lambda work: types.save_patron_type(
                work, code, institution_code=institution, new=new, limits=limits, **options
            ),
        )
    )


@command(item_types, "list")
def item_list(caller: Caller, institution: Institution = None) -> None:
    """List item types."""
    from sip2d.desk.staff import types

    caller.show(caller.read("item-type.list", lambda work: types.item_types(work, institution)))


@command(item_types, "add")
def item_add(
    caller: Caller,
    code: Code,
    institution: Institution = None,
    name: Name = None,
    media_type: Media = None,
    magnetic: Magnetic = None,
    desensitize: Desensitize = None,
    checkin_message: Said = None,
    replacement: Replacement = None,
    processing_fee: Processing = None,
) -> None:
    """Add an item type."""
    _item_type(
        caller, code, institution, True, name=name, media_type=media_type, magnetic=magnetic,
        desensitize=desensitize, checkin_message=checkin_message, replacement=replacement,
        processing_fee=processing_fee,
    )  # fmt: skip


@command(item_types, "set")
def item_set(
    caller: Caller,
    code: Code,
    institution: Institution = None,
    name: Name = None,
    media_type: Media = None,
    magnetic: Magnetic = None,
    desensitize: Desensitize = None,
    checkin_message: Said = None,
    replacement: Replacement = None,
    processing_fee: Processing = None,
) -> None:
    """Change an item type."""
    _item_type(
        caller, code, institution, False, name=name, media_type=media_type, magnetic=magnetic,
        desensitize=desensitize, checkin_message=checkin_message, replacement=replacement,
        processing_fee=processing_fee,
    )  # fmt: skip


def _item_type(caller: Caller, code: str, institution: str | None, new: bool, **given: object) -> None:
    from sip2d.desk.staff import types

    options = said(**given)
    caller.show(
        caller.write(
            "item-type.save",
            lambda work: types.save_item_type(work, code, institution_code=institution, new=new, **options),
        )
    )
