"""Read the whole `Library` in a dozen selects, for whoever has a connection: units, the event loop, the CLI.

Core compiles a statement anew for each engine, and whoever opens one reads the library first: compiled once
for the process it is 3 ms instead of 11.
"""

import ipaddress
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import psycopg
from sqlalchemy import Connection, CursorResult, Row, RowMapping, Select, select
from sqlalchemy.exc import DBAPIError

from sip2d.errors import LibraryUnreadable
from sip2d.policy.calendar import Calendar, Closure, Interval
from sip2d.policy.facts import ItemTypeFacts, PatronTypeFacts
from sip2d.policy.lost import LostValue
from sip2d.policy.membership import MembershipPolicy, PeriodUnit
from sip2d.policy.suspension import BlockDefinition, DemeritRule
from sip2d.policy.terms import Matrix, Rule
from sip2d.store import tables as t
from sip2d.store.library import Branch, BranchSip2, Institution, Library, SortBinRule, Terminal
from sip2d.store.statement import Statement, hot

DECIMALS = {
    **dict.fromkeys(
        ("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF").split(), 0
    ),
    **dict.fromkeys("BHD IQD JOD KWD LYD OMR TND".split(), 3),
    "CLF": 4,
    "UYW": 4,
}  # fmt: skip
"""ISO 4217: the currencies whose minor unit is not a hundredth."""

NOT_CONFIGURED = BranchSip2(
    configured=False, preset=None, retries_allowed=3, timeout_seconds=15, idle_timeout_seconds=600,
    send_personal_data=False, available_hold_allowed=False, use_sort_bin=False, terminal_location="",
    library_name="", max_print_width=0, language=None, profile=None, encoding=None, line_terminator=None,
    error_detection=None, valid_patron=None, renewal_branch=False, due_receipt_enabled=False,
    allow_empty_pins=False, enforce_institution=False, support={},
)  # fmt: skip
"""A branch without a row of its own (CN-2): the defaults of CN-4, nothing supported."""


def _columns(table: Any, kind: type[Any]) -> Select[Any]:
    """Select what a struct wants, in its order: names and places agree."""
    return select(*(table.c[name] for name in kind.__struct_fields__)).order_by(table.c.id)


def _owned(table: Any, owner: str, kind: type[Any], *order: str) -> Select[Any]:
    """The same, behind whose it is."""
    wanted = select(table.c[owner], *(table.c[name] for name in kind.__struct_fields__))
    return wanted.order_by(*(table.c[name] for name in order))


_EPOCH = hot(select(t.library_epoch.c.epoch))
_SETTINGS = hot(select(t.setting).where(t.setting.c.scope != "BRANCH"))
_INSTITUTIONS = hot(select(t.institution).order_by(t.institution.c.id))
_BRANCHES = hot(select(t.branch).order_by(t.branch.c.id))
_BRANCH_MESSAGES = hot(select(t.branch_message))
_BRANCH_SIP2 = hot(select(t.branch_sip2))
_TERMINALS = hot(select(t.terminal).where(t.terminal.c.removed_at.is_(None)).order_by(t.terminal.c.id))
_PATRON_TYPES = hot(_columns(t.patron_type, PatronTypeFacts))
_ITEM_TYPES = hot(_columns(t.item_type, ItemTypeFacts))
_TEXTS = hot(select(t.custom_message))
_RULES = hot(_owned(t.circulation_rule, "institution_id", Rule, "id"))
_SORT_BINS = hot(_owned(t.sort_bin_rule, "branch_id", SortBinRule, "rank", "id"))
_MEMBERSHIP_POLICIES = hot(_columns(t.membership_policy, MembershipPolicy))
_LOST_VALUES = hot(select(t.lost_value).order_by(t.lost_value.c.code))
_DEFINED = t.block_definition.c
_BLOCK_DEFINITIONS = hot(
    select(
        _DEFINED.institution_id, _DEFINED.code, t.block_description.c.code, t.block_description.c.text,
        t.block_action.c.actions, _DEFINED.type, _DEFINED.override, _DEFINED.network_block,
    )
    .join(t.block_description, t.block_description.c.id == _DEFINED.description_id)
    .join(t.block_action, t.block_action.c.code == _DEFINED.action_code)
    .order_by(_DEFINED.rank, _DEFINED.code)
)  # fmt: skip
_DEMERIT_RULES = hot(_owned(t.demerit_rule, "institution_id", DemeritRule, "id"))
_OPENING = hot(select(t.opening_interval).order_by(t.opening_interval.c.opens))
_CLOSURES = hot(select(t.special_closure).order_by(t.special_closure.c.id))
_EXCEPTIONS = hot(select(t.calendar_exception))


def _asked(connection: Connection, statement: Statement) -> CursorResult[*tuple[Any, ...]]:
    return connection.exec_driver_sql(statement.forms[connection.dialect.name][0])


def _rows(connection: Connection, statement: Statement) -> Sequence[Row[*tuple[Any, ...]]]:
    """Rows with names, as Core gives them; all at once: a cursor left open where a row makes no sense holds
    SQLite's reader to this moment for ever."""
    return _asked(connection, statement).all()


def _named(connection: Connection, statement: Statement) -> Sequence[RowMapping]:
    """The same as mappings."""
    return _asked(connection, statement).mappings().all()


def read_library(connection: Connection) -> Library:
    """Everything, as one epoch has it. Outside a snapshot it is read again when the epoch moved meanwhile.
    LibraryUnreadable; what the driver raises."""
    while True:
        epoch = _epoch(connection)
        try:
            library = _read(connection, epoch)
        except (sqlite3.Error, psycopg.Error, DBAPIError):
            raise
        except Exception as fault:
            said = (str(fault).splitlines() or [""])[0]
            raise LibraryUnreadable(f"no library can be read: {type(fault).__name__}: {said}") from fault
        if _epoch(connection) == epoch:
            return library


def _epoch(connection: Connection) -> int:
    return int(_rows(connection, _EPOCH)[0][0])


def _read(connection: Connection, epoch: int) -> Library:
    institutions = _institutions(connection)
    patron_types = _by_id(connection, _PATRON_TYPES, PatronTypeFacts)
    return Library(
        epoch=epoch,
        institutions=institutions,
        branches=_branches(connection, institutions),
        terminals=_terminals(connection),
        patron_types=patron_types,
        item_types=_by_id(connection, _ITEM_TYPES, ItemTypeFacts),
        matrices=_matrices(connection, institutions),
        texts={
            (row.institution_id, row.scenario, row.language): row.text for row in _rows(connection, _TEXTS)
        },
        sort_bins=_sort_bins(connection),
        membership_policies=_membership_policies(connection),
        lost_values=_lost_values(connection, institutions),
        block_definitions=_block_definitions(connection, institutions),
        demerit_rules=_demerit_rules(connection, institutions),
        limited=frozenset(
            kind.institution_id
            for kind in patron_types.values()
            if kind.value_limit_minor is not None or kind.lost_limit is not None
        ),
    )


def _institutions(connection: Connection) -> dict[int, Institution]:
    """Settings of the site hold for every institution, unless it has its own (circulation.md 16)."""
    site: dict[str, str] = {}
    own: dict[int, dict[str, str]] = defaultdict(dict)
    for row in _rows(connection, _SETTINGS):
        (site if row.scope == "SITE" else own[row.scope_id])[row.key] = row.value
    return {
        row.id: Institution(
            id=row.id,
            code=row.code,
            name=row.name,
            zone=ZoneInfo(row.timezone),
            currency=row.currency,
            decimals=DECIMALS.get(row.currency, 2),
            language=row.language,
            group_id=row.circulation_group_id,
            group_rank=row.group_rank,
            enabled=bool(row.enabled),
            settings={**site, **own[row.id]},
            admin_email=row.admin_email,
        )
        for row in _rows(connection, _INSTITUTIONS)
    }


def _branches(connection: Connection, institutions: Mapping[int, Institution]) -> dict[int, Branch]:
    calendars = _Calendars(connection)
    configured = _branch_sip2(connection)
    branches = {}
    for row in _rows(connection, _BRANCHES):
        zone = ZoneInfo(row.timezone) if row.timezone else institutions[row.institution_id].zone
        owner = ("branch_id", row.id) if row.uses_own_calendar else ("institution_id", row.institution_id)
        branches[row.id] = Branch(
            id=row.id,
            institution_id=row.institution_id,
            code=row.code,
            name=row.name,
            zone=zone,
            enabled=bool(row.enabled),
            calendar=calendars.of(owner, zone),
            sip2=configured.get(row.id, NOT_CONFIGURED),
            email=row.email,
        )
    return branches


def _branch_sip2(connection: Connection) -> dict[int, BranchSip2]:
    support: dict[int, dict[str, str]] = defaultdict(dict)
    for row in _rows(connection, _BRANCH_MESSAGES):
        support[row.branch_id][row.message] = row.support
    answer = {}
    for values in _named(connection, _BRANCH_SIP2):
        branch_id = values["branch_id"]
        known = _struct_values(BranchSip2, values, ("configured", "support"))
        configured = values["status"] == "CONFIGURED"
        answer[branch_id] = BranchSip2(configured=configured, support=support[branch_id], **known)
    return answer


def _struct_values(kind: type[Any], values: RowMapping, but: tuple[str, ...]) -> dict[str, Any]:
    """A row's values for the fields of a struct, flags as booleans."""
    return {
        name: bool(values[name]) if kind.__annotations__[name] is bool else values[name]
        for name in kind.__struct_fields__
        if name not in but
    }


def _terminals(connection: Connection) -> tuple[Terminal, ...]:
    return tuple(
        Terminal(
            network=ipaddress.ip_network(f"{row['address']}/{row['prefix_length']}", strict=False),
            **_struct_values(Terminal, row, ("network",)),
        )
        for row in _named(connection, _TERMINALS)
    )


def _by_id(connection: Connection, statement: Statement, kind: type[Any]) -> dict[int, Any]:
    """Rows as structs that name their columns."""
    rows = _named(connection, statement)
    return {row["id"]: kind(**_struct_values(kind, row, ())) for row in rows}


def _matrices(connection: Connection, institutions: Iterable[int]) -> dict[int, Matrix]:
    rules: dict[int, list[Rule]] = {institution: [] for institution in institutions}
    for row in _rows(connection, _RULES):
        rules[row[0]].append(Rule(*row[1:]))
    return {institution: Matrix(rows) for institution, rows in rules.items()}


def _sort_bins(connection: Connection) -> dict[int, tuple[SortBinRule, ...]]:
    bins: dict[int, list[SortBinRule]] = defaultdict(list)
    for row in _rows(connection, _SORT_BINS):
        bins[row[0]].append(SortBinRule(*row[1:]))
    return {branch: tuple(rules) for branch, rules in bins.items()}


def _membership_policies(connection: Connection) -> dict[int, MembershipPolicy]:
    rows = _named(connection, _MEMBERSHIP_POLICIES)
    special = ("period_unit", "reminder_days")
    return {
        row["id"]: MembershipPolicy(
            **_struct_values(MembershipPolicy, row, special),
            period_unit=PeriodUnit(row["period_unit"]),
            reminder_days=msgspec.json.decode(row["reminder_days"], type=tuple[int, ...]),
        )
        for row in rows
    }


def _lost_values(connection: Connection, institutions: Iterable[int]) -> dict[int, dict[int, LostValue]]:
    values: dict[int, dict[int, LostValue]] = {institution: {} for institution in institutions}
    for row in _named(connection, _LOST_VALUES):
        values[row["institution_id"]][row["code"]] = LostValue(**_struct_values(LostValue, row, ()))
    return values


def _block_definitions(
    connection: Connection, institutions: Iterable[int]
) -> dict[int, dict[str, BlockDefinition]]:
    definitions: dict[int, dict[str, BlockDefinition]] = {institution: {} for institution in institutions}
    for row in _rows(connection, _BLOCK_DEFINITIONS):
        values: tuple[Any, ...] = (*row[:7], bool(row[7]))
        definitions[row[0]][row[1]] = BlockDefinition(*values)
    return definitions


def _demerit_rules(connection: Connection, institutions: Iterable[int]) -> dict[int, tuple[DemeritRule, ...]]:
    rules: dict[int, list[DemeritRule]] = {institution: [] for institution in institutions}
    for row in _rows(connection, _DEMERIT_RULES):
        rules[row[0]].append(DemeritRule(*row[1:]))
    return {institution: tuple(rows) for institution, rows in rules.items()}


Owner = tuple[str, int]


class _Calendars:
    """The calendars' rows by owner: an institution, or a branch that keeps its own (CL-1).

    An owner without any opening hours counts every day as open: who never told his hours is not closed for
    ever.
    """

    def __init__(self, connection: Connection) -> None:
        self._weekly = _by_owner(_rows(connection, _OPENING))
        self._closures = _by_owner(_rows(connection, _CLOSURES))
        self._exceptions = _by_owner(_rows(connection, _EXCEPTIONS))

    def of(self, owner: Owner, zone: ZoneInfo) -> Calendar:
        """The calendar of one owner, in a branch's zone."""
        weekly: list[list[Interval]] = [[] for _ in range(7)]
        for row in self._weekly[owner]:
            weekly[row.weekday].append((_time(row.opens), _time(row.closes)))
        return Calendar(
            zone,
            tuple(tuple(day) for day in weekly),
            tuple(_closure(row) for row in self._closures[owner]),
            {date.fromisoformat(row.day_on): bool(row.open) for row in self._exceptions[owner]},
        )


def _by_owner(rows: Iterable[Row[Any]]) -> dict[Owner, list[Row[Any]]]:
    owned: dict[Owner, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        owner = ("branch_id", row.branch_id) if row.branch_id else ("institution_id", row.institution_id)
        owned[owner].append(row)
    return owned


def _time(text: str) -> time:
    """`HH:MM`; 24:00 is the midnight at the day's end, which `time` writes 00:00."""
    return time() if text.startswith("24") else time.fromisoformat(text)


def _closure(row: Row[Any]) -> Closure:
    return Closure(
        title=row.title,
        kind=row.kind,
        starts_at=_instant(row.starts_at),
        ends_at=_instant(row.ends_at),
        all_day=bool(row.all_day),
        month=row.month,
        day=row.day,
    )


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
