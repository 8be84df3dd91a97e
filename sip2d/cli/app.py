"""The program `sip2d`: its groups of commands, and what a fault becomes for the shell (stack.md 3.1)."""

import functools
from collections.abc import Sequence
from typing import Any

import typer

from sip2d.cli import (
    blocks,
    branch,
    bulk_renew,
    calendar,
    client,
    db,
    demo,
    desk,
    exits,
    flood,
    inquiry,
    institution,
    item,
    jobs,
    library,
    link,
    loans,
    lost,
    membership,
    message,
    messaging,
    notice,
    offline,
    patron,
    recall,
    report,
    rule,
    service,
    settings,
    simulate,
    staff,
    terminal,
    text,
    types,
)
from sip2d.cli.caller import tell
from sip2d.cli.program import perform, root

app = root("A standalone SIP2 server for library kiosks.")
service.register(app)
inquiry.register(app)
messaging.register()
app.command("demo")(demo.demo)
app.command("client")(client.client)
app.command("flood")(flood.flood)
app.command("simulate")(simulate.simulate)
app.command("bulk-renew")(bulk_renew.bulk_renew)
GROUPS = {
    "db": db.app,
    "institution": institution.app,
    "branch": branch.app,
    "terminal": terminal.app,
    "message": message.app,
    "staff": staff.app,
    "calendar": calendar.app,
    "text": text.app,
    "rule": rule.app,
    "settings": settings.app,
    "library": library.app,
    "patron-type": types.patron_types,
    "item-type": types.item_types,
    "patron": patron.app,
    "notice": notice.app,
    "notice-template": notice.templates,
    "overdue-trigger": notice.triggers,
    "membership": membership.app,
    "membership-policy": membership.policies,
    "proxy": membership.proxies,
    "block-description": blocks.descriptions,
    "block-definition": blocks.definitions,
    "block-action": blocks.actions,
    "demerit": blocks.demerits,
    "link": link.app,
    "item": item.app,
    "lost-value": lost.values,
    "loan": desk.loans,
    "loans": loans.app,
    "recall": recall.app,
    "hold": desk.holds,
    "fee": desk.fees,
    "sortbin": inquiry.sort_bins,
    "jobs": jobs.app,
    "report": report.app,
    "offline": offline.app,
}
for _name, _group in GROUPS.items():
    app.add_typer(_group, name=_name)
app.add_typer(rule.app, name="rules", hidden=True)  # `rules detach-penalties`, as BR-12 calls it


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code. Whatever is said about a fault is one line on stderr."""
    return perform(_program(), arguments, _explained)


@functools.cache
def _program() -> Any:
    """All commands, built once a process: it takes 40 ms for these 90."""
    return typer.main.get_command(app)


def _explained(fault: Exception) -> int | None:
    """The exit code of a fault that is nobody's defect, said in a sentence; None for the others."""
    from sip2d.desk.staff.work import Denied, Refused
    from sip2d.errors import ConfigurationError, Fault

    for kind, code in (
        (ConfigurationError, exits.CONFIGURATION),
        (Refused, exits.DATA),
        (Denied, exits.NOT_PERMITTED),
    ):
        if isinstance(fault, kind):
            tell(str(fault))
            return code
    if isinstance(fault, Fault):
        tell(f"The database cannot be asked ({fault}).")
        return exits.UNAVAILABLE
    if _is_conflict(fault):
        tell("Somebody else has just changed the same; nothing was done. Look again, then repeat it.")
        return exits.TEMPORARY
    return None


def _is_conflict(fault: Exception) -> bool:
    from sip2d.store.unit import CONFLICTS

    return isinstance(fault, CONFLICTS)
