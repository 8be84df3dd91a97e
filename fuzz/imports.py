"""Invariant: whatever file staff hand in, it is refused with a sentence and nothing has changed, or it is
taken and says the same a second time: a policy set that was applied shows no difference, a sheet that was
loaded changes nothing more. Nothing else is raised.

The first byte chooses what the file is: a policy set as TOML, a sheet of one, patrons, or items.
"""

import atexit
import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from sip2d.desk.staff import imports, policyfile, policyset
from sip2d.desk.staff.authorise import Staff
from sip2d.desk.staff.work import Refused, Work
from sip2d.store import epoch, migrate, records, tables
from sip2d.store.executor import Store
from sip2d.store.policyset import SECTIONS
from sip2d.vocabulary import StaffRole

NOW = datetime(2026, 3, 9, 9, 15, tzinfo=UTC)
BOSS = Staff(None, "fuzz", frozenset({StaffRole.GENERAL_SYS_ADMIN.value}))
KINDS = ("toml", "csv", "patron", "item")

SEEDS: tuple[bytes, ...] = (
    b'\0[[rules]]\nname = "fine_amount"\nvalue = "0.25"\nbranch = "B"\n',
    b'\0[[rules]]\nname = "loan_period"\nvalue = "28"\nfrom = "2030-01-01T00:00:00+00:00"\n',
    b'\0[[settings]]\nname = "MaxFine"\nvalue = "10.00"\n[[patron_types]]\ncode = "T"\nname = "T"\n',
    b'\0[[membership_policies]]\nname = "F"\nfee = "1.00"\nperiod = 1\nreminder_days = [1]\n',
    b'\0[[demerits]]\npoints_overdue = 3\n[[lost_values]]\ncode = 1\ndescription = "Lost"\n',
    b'\0[[block_descriptions]]\ncode = "X"\ntext = "x"\n[[block_definitions]]\ncode = "Y"\n'
    b'description = "X"\naction = "05"\ntype = "LOAN"\n',
    b"\1name,value\nMaxFine,5\n",
    b"\1code,name,loan_limit,messaging\nT,Type,5,{}\n",
    b"\2barcode;name;branch;type\nP1;Anne;B;T\nP2;Bo;B;T\n",
    b"\3barcode,title,branch,type,price\nI1,A book,B,I,12.50\n",
)  # fmt: skip


class _Undone(Exception):
    """Ends a unit that must leave nothing."""


@cache
def _store() -> Store:
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    url = f"sqlite:///{Path(folder.name) / 'fuzz.db'}"
    migrate.upgrade(url)
    store = Store.open(url)
    atexit.register(store.close)
    with store.unit("fuzz.place") as unit:
        owner = records.add(
            unit, tables.institution, code="F", name="F", timezone="Europe/Paris", currency="EUR"
        )
        records.add(unit, tables.branch, institution_id=owner, code="B", name="B")
        records.add(unit, tables.patron_type, institution_id=owner, code="T", name="T")
        records.add(unit, tables.item_type, institution_id=owner, code="I", name="I")
        epoch.bump(unit)
    return store


def one_input(data: bytes) -> None:
    """Holds the invariant to one file."""
    kind, content = KINDS[data[0] % len(KINDS)] if data else KINDS[0], data[1:]
    try:
        with _store().unit("fuzz") as unit:
            work = Work(unit, BOSS, NOW)
            why = _refusal(work, kind, content)
            assert why is None or why.strip()
            raise _Undone
    except _Undone:
        pass


def _refusal(work: Work, kind: str, content: bytes) -> str | None:
    try:
        if kind in ("patron", "item"):
            _sheet(work, kind, content)
        else:
            _policy(work, kind, content)
    except Refused as refused:
        return str(refused)
    return None


def _policy(work: Work, kind: str, content: bytes) -> None:
    text = content.decode("utf-8", "replace")
    if kind == "toml":
        document = policyfile.from_toml(text)
    else:
        section = SECTIONS[len(content) % len(SECTIONS)].name
        document = policyfile.from_csv({section: text})
    policyset.apply(work, document)
    assert policyset.difference(work, document) == [], "applied, and still different"
    export = policyfile.from_toml(policyfile.to_toml(policyset.export(work)))
    assert policyset.difference(work, export) == [], "an export that differs from what it was taken of"


def _sheet(work: Work, kind: str, content: bytes) -> None:
    sheet = imports.read(kind, content)
    imports.load(work, sheet)
    again = imports.load(work, sheet)
    assert (again.added, again.changed) == (0, 0), "loaded twice, and changed again"
