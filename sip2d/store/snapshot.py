"""Read the whole `Library` in a dozen selects, with plain Core, for whoever has a connection: units, the
event loop, the CLI.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Row, RowMapping, Select, select

from sip2d.policy.calendar import Calendar, Closure, Interval
from sip2d.policy.facts import ItemTypeFacts, PatronTypeFacts
from sip2d.policy.lost import LostValue
from sip2d.policy.membership import MembershipPolicy, PeriodUnit
from sip2d.policy.suspension import BlockDefinition, DemeritRule
from sip2d.policy.terms import Matrix, Rule
from sip2d.store import tables as t
from sip2d.store.library import Branch, BranchSip2, Institution, Library, SortBinRule, Terminal

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


def read_library(connection: Connection) -> Library:
    """Everything, as one epoch has it. Outside a snapshot it is read again when the epoch moved meanwhile."""
    while True:
        epoch = _epoch(connection)
        library = _read(connection, epoch)
        if _epoch(connection) == epoch:
            return library


def _epoch(connection: Connection) -> int:
    return int(connection.execute(select(t.library_epoch.c.epoch)).scalar_one())


def _read(connection: Connection, epoch: int) -> Library:
    institutions = _institutions(connection)
    patron_types = _by_id(connection, t.patron_type, PatronTypeFacts)
    return Library(
        epoch=epoch,
        institutions=institutions,
        branches=_branches(connection, institutions),
        terminals=_terminals(connection),
        patron_types=patron_types,
        item_types=_by_id(connection, t.item_type, ItemTypeFacts),
        matrices=_matrices(connection, institutions),
        texts={
            (row.institution_id, row.scenario, row.language): row.text
            for row in connection.execute(select(t.custom_message))
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


def _columns(table: Any, kind: type[Any]) -> Select[Any]:
    """Select what a struct wants, in its order: names and places agree."""
    return select(*(table.c[name] for name in kind.__struct_fields__)).order_by(table.c.id)


def _institutions(connection: Connection) -> dict[int, Institution]:
    """Settings of the site hold for every institution, unless it has its own (circulation.md 16)."""
    site: dict[str, str] = {}
    own: dict[int, dict[str, str]] = defaultdict(dict)
    for row in connection.execute(select(t.setting).where(t.setting.c.scope != "BRANCH")):
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
        for row in connection.execute(select(t.institution).order_by(t.institution.c.id))
    }


def _branches(connection: Connection, institutions: Mapping[int, Institution]) -> dict[int, Branch]:
    calendars = _Calendars(connection)
    configured = _branch_sip2(connection)
    branches = {}
    for row in connection.execute(select(t.branch).order_by(t.branch.c.id)):
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
    for row in connection.execute(select(t.branch_message)):
        support[row.branch_id][row.message] = row.support
    answer = {}
    for values in connection.execute(select(t.branch_sip2)).mappings():
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
    rows = connection.execute(
        select(t.terminal).where(t.terminal.c.removed_at.is_(None)).order_by(t.terminal.c.id)
    )
    return tuple(
        Terminal(
            network=ipaddress.ip_network(f"{row['address']}/{row['prefix_length']}", strict=False),
            **_struct_values(Terminal, row, ("network",)),
        )
        for row in rows.mappings()
    )


def _by_id(connection: Connection, table: Any, kind: type[Any]) -> dict[int, Any]:
    """Rows as structs that name their columns."""
    rows = connection.execute(_columns(table, kind)).mappings()
    return {row["id"]: kind(**_struct_values(kind, row, ())) for row in rows}


def _matrices(connection: Connection, institutions: Iterable[int]) -> dict[int, Matrix]:
    rules: dict[int, list[Rule]] = {institution: [] for institution in institutions}
    table = t.circulation_rule.c
    for row in connection.execute(
        select(
            table.institution_id, table.branch_id, table.patron_type_id, table.item_type_id,
            table.name, table.value, table.valid_from, table.valid_to,
        ).order_by(table.id)
    ):  # fmt: skip
        rules[row[0]].append(Rule(*row[1:]))
    return {institution: Matrix(rows) for institution, rows in rules.items()}


def _sort_bins(connection: Connection) -> dict[int, tuple[SortBinRule, ...]]:
    bins: dict[int, list[SortBinRule]] = defaultdict(list)
    table = t.sort_bin_rule.c
    names = (table[name] for name in SortBinRule.__struct_fields__)
    for row in connection.execute(select(table.branch_id, *names).order_by(table.rank, table.id)):
        bins[row[0]].append(SortBinRule(*row[1:]))
    return {branch: tuple(rules) for branch, rules in bins.items()}


def _membership_policies(connection: Connection) -> dict[int, MembershipPolicy]:
    rows = connection.execute(_columns(t.membership_policy, MembershipPolicy)).mappings()
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
    for row in connection.execute(select(t.lost_value).order_by(t.lost_value.c.code)).mappings():
        values[row["institution_id"]][row["code"]] = LostValue(**_struct_values(LostValue, row, ()))
    return values


def _block_definitions(
    connection: Connection, institutions: Iterable[int]
) -> dict[int, dict[str, BlockDefinition]]:
    definitions: dict[int, dict[str, BlockDefinition]] = {institution: {} for institution in institutions}
    table = t.block_definition.c
    query = (
        select(
            table.institution_id, table.code, t.block_description.c.code, t.block_description.c.text,
            t.block_action.c.actions, table.type, table.override, table.network_block,
        )
        .join(t.block_description, t.block_description.c.id == table.description_id)
        .join(t.block_action, t.block_action.c.code == table.action_code)
        .order_by(table.rank, table.code)
    )  # fmt: skip
    for row in connection.execute(query):
        definitions[row[0]][row[1]] = BlockDefinition(*row[:7], bool(row[7]))
    return definitions


def _demerit_rules(connection: Connection, institutions: Iterable[int]) -> dict[int, tuple[DemeritRule, ...]]:
    rules: dict[int, list[DemeritRule]] = {institution: [] for institution in institutions}
    table = t.demerit_rule.c
    names = (table[name] for name in DemeritRule.__struct_fields__)
    for row in connection.execute(select(table.institution_id, *names).order_by(table.id)):
        rules[row[0]].append(DemeritRule(*row[1:]))
    return {institution: tuple(rows) for institution, rows in rules.items()}


Owner = tuple[str, int]


class _Calendars:
    """The calendars' rows by owner: an institution, or a branch that keeps its own (CL-1).

    An owner without any opening hours counts every day as open: who never told his hours is not closed for
    ever.
    """

    def __init__(self, connection: Connection) -> None:
        self._weekly = _by_owner(
            connection.execute(select(t.opening_interval).order_by(t.opening_interval.c.opens))
        )
        self._closures = _by_owner(
            connection.execute(select(t.special_closure).order_by(t.special_closure.c.id))
        )
        self._exceptions = _by_owner(connection.execute(select(t.calendar_exception)))

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
