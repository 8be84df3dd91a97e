"""How values of the library leave by a profile's templates: AE, AV, DA and custom fields (peers 27, 28)."""

from datetime import datetime

from sip2d.circulation.call import Call
from sip2d.policy.facts import ItemFacts, PatronFacts
from sip2d.wire.fields import Extra
from sip2d.wire.kinds import due_text
from sip2d.wire.template import fill


def names(name: str) -> tuple[str, str]:
    """First and last name of a name written ``Last, First`` or ``First Last``."""
    if "," in name:
        last, first = name.split(",", 1)
        return first.strip(), last.strip()
    first, _, last = name.rpartition(" ")
    return first.strip(), last.strip()


def patron_values(call: Call, patron: PatronFacts) -> dict[str, str]:
    """The placeholders of a patron template (``wire.template.PATRON_NAMES``)."""
    kind = call.library.patron_types.get(patron.type_id)
    home = call.library.branches.get(patron.home_branch_id)
    first, last = names(patron.name)
    return {
        "barcode": patron.barcode,
        "name": patron.name,
        "first_name": first,
        "last_name": last,
        "patron_type": kind.code if kind else "",
        "branch": home.code if home else "",
        "expires": f"{patron.expires_on:%Y%m%d}" if patron.expires_on else "",
        "language": patron.language or "",
    }


def item_values(call: Call, item: ItemFacts) -> dict[str, str]:
    """The placeholders of an item template (``wire.template.ITEM_NAMES``)."""
    kind = call.library.item_types.get(item.type_id)
    return {
        "barcode": item.barcode,
        "title": item.title,
        "author": item.author,
        "call_number": item.call_number,
        "collection": item.collection_code,
        "item_type": kind.code if kind else "",
        "branch": branch_code(call, item.home_branch_id),
        "location": branch_code(call, item.holding_branch_id),
        "price": "" if item.price_minor is None else str(item.price_minor),
    }


def branch_code(call: Call, branch_id: int | None) -> str:
    """The code of a branch, for AP, AQ and CT; empty when there is none."""
    branch = None if branch_id is None else call.library.branches.get(branch_id)
    return branch.code if branch else ""


def personal_name(call: Call, patron: PatronFacts) -> str:
    """AE: the patron's name as the profile's template writes it."""
    template = call.profile.ae_template
    return patron.name if template == "{name}" else fill(template, patron_values(call, patron))


def hold_patron_name(call: Call, patron: PatronFacts) -> str:
    """DA: the name of the patron who waits for a returned item."""
    return fill(call.profile.da_template, patron_values(call, patron))


def patron_extras(call: Call, patron: PatronFacts) -> tuple[Extra, ...]:
    """The profile's custom fields of 24 and 64."""
    table = call.profile.custom_patron_fields
    if not table:
        return ()
    values = patron_values(call, patron)
    return tuple((field, fill(template, values)) for field, template in table.items())


def item_extras(call: Call, item: ItemFacts) -> tuple[Extra, ...]:
    """The profile's custom fields of 18."""
    table = call.profile.custom_item_fields
    if not table:
        return ()
    values = item_values(call, item)
    return tuple((field, fill(template, values)) for field, template in table.items())


def due(call: Call, moment: datetime | None) -> str:
    """AH as the profile writes it, in local time of the branch; empty when there is none (SP-2)."""
    return "" if moment is None else due_text(moment, call.branch.zone, call.profile.due_date_format)
