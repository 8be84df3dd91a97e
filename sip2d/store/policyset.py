"""What the policy set of an institution consists of: sections, each the rows of a table by what a person
calls them. They stand in the order in which they are applied: what is referred to before what refers.
"""

import enum
from typing import Final

import msgspec
from sqlalchemy import Table

from sip2d.store import tables as t


class Kind(enum.Enum):
    """How a column is written in a document."""

    TEXT = "text"
    NUMBER = "whole number"
    FLAG = "true or false"
    LIST = "list"
    MAP = "table"
    AMOUNT = "amount like 12.50"
    INSTANT = "instant like 2026-12-31T08:00:00+00:00"
    BRANCH = "branch code"
    PATRON_TYPE = "patron type"
    ITEM_TYPE = "item type"
    MEMBERSHIP_POLICY = "membership policy"
    DESCRIPTION = "block description"


NAMED: Final[dict[Kind, tuple[Table, str]]] = {
    Kind.BRANCH: (t.branch, "code"),
    Kind.PATRON_TYPE: (t.patron_type, "code"),
    Kind.ITEM_TYPE: (t.item_type, "code"),
    Kind.MEMBERSHIP_POLICY: (t.membership_policy, "name"),
    Kind.DESCRIPTION: (t.block_description, "code"),
}
"""What each kind of reference refers to, and the column that names it."""


class Column(msgspec.Struct, frozen=True):
    """A column: its name in documents and in the table. ``empty``: an empty text says something there (no
    limit, no message), so what a document leaves out is that."""

    name: str
    column: str
    kind: Kind = Kind.TEXT
    empty: bool = False


class Section(msgspec.Struct, frozen=True):
    """A table's rows. ``key`` columns say which row is meant, ``values`` what it says.

    ``owner``: ``institution`` when rows carry its id, ``branch`` when only their branch does, ``either`` when
    one of the two.
    """

    name: str
    title: str
    table: Table
    key: tuple[Column, ...]
    values: tuple[Column, ...] = ()
    owner: str = "institution"

    @property
    def columns(self) -> tuple[Column, ...]:
        """All of them, key first."""
        return self.key + self.values


def _c(name: str, kind: Kind = Kind.TEXT, column: str | None = None) -> Column:
    return Column(name, column or name, kind)


_BRANCH: Final = _c("branch", Kind.BRANCH, "branch_id")
_PATRON_TYPE: Final = _c("patron_type", Kind.PATRON_TYPE, "patron_type_id")
_ITEM_TYPE: Final = _c("item_type", Kind.ITEM_TYPE, "item_type_id")
_EMPTY_VALUE: Final = Column("value", "value", empty=True)
_N: Final = Kind.NUMBER
_F: Final = Kind.FLAG

SECTIONS: Final = (
    Section(
        "branches",
        "branch",
        t.branch,
        (_c("code"),),
        (_c("name"), _c("timezone"), _c("email"), _c("own_calendar", _F, "uses_own_calendar")),
    ),
    Section(
        "opening_hours",
        "opening hours",
        t.opening_interval,
        (_BRANCH, _c("weekday", _N), _c("opens"), _c("closes")),
        owner="either",
    ),
    Section(
        "closures",
        "closure",
        t.special_closure,
        (_BRANCH, _c("kind"), _c("starts_at", Kind.INSTANT), _c("ends_at", Kind.INSTANT), _c("all_day", _F),
         _c("month", _N), _c("day", _N)),
        (_c("title"),),
        owner="either",
    ),
    Section(
        "calendar_exceptions",
        "calendar exception",
        t.calendar_exception,
        (_BRANCH, _c("day", column="day_on")),
        (_c("open", _F),),
        owner="either",
    ),
    Section(
        "membership_policies",
        "membership policy",
        t.membership_policy,
        (_c("name"),),
        (_c("fee", Kind.AMOUNT, "fee_minor"), _c("bill_reason"), _c("period", _N), _c("period_unit"),
         _c("reminder_days", Kind.LIST), _c("bill_template"), _c("confirmation_template"),
         _c("reminder_template"), _c("enabled", _F)),
    ),
    Section(
        "patron_types",
        "patron type",
        t.patron_type,
        (_c("code"),),
        (_c("name"), _c("loan_limit", _N), _c("hold_limit", _N), _c("overdue_limit", _N),
         _c("recalled_overdue_limit", _N), _c("claims_limit", _N), _c("lost_limit", _N),
         _c("value_limit", Kind.AMOUNT, "value_limit_minor"),
         _c("bills_limit", Kind.AMOUNT, "bills_limit_minor"), _c("limits_block_renewal", _F),
         _c("overdue_notice_required", _F), _c("messaging", Kind.MAP),
         _c("membership_policy", Kind.MEMBERSHIP_POLICY, "membership_policy_id")),
    ),
    Section(
        "item_types",
        "item type",
        t.item_type,
        (_c("code"),),
        (_c("name"), _c("media_type"), _c("magnetic", _F), _c("desensitize", _F), _c("checkin_message"),
         _c("default_replacement", Kind.AMOUNT, "default_replacement_minor"),
         _c("processing_fee", Kind.AMOUNT, "processing_fee_minor")),
    ),
    Section(
        "rules",
        "circulation rule",
        t.circulation_rule,
        (_BRANCH, _PATRON_TYPE, _ITEM_TYPE, _c("name"), _c("from", Kind.INSTANT, "valid_from")),
        (_EMPTY_VALUE, _c("to", Kind.INSTANT, "valid_to")),
    ),
    Section(
        "lost_values",
        "lost value",
        t.lost_value,
        (_c("code", _N),),
        (_c("description"), _c("is_auto", _F), _c("claims_returned", _F), _c("blocks_checkin", _F)),
    ),
    Section(
        "settings",
        "setting",
        t.setting,
        (_c("name", column="key"),),
        (_c("value"),),
        owner="setting",
    ),
    Section(
        "block_descriptions",
        "block description",
        t.block_description,
        (_c("code"),),
        (_c("text"), _c("enabled", _F), _c("rank", _N), _c("default", _F, "is_default")),
    ),
    Section(
        "block_definitions",
        "block definition",
        t.block_definition,
        (_c("code"),),
        (_c("description", Kind.DESCRIPTION, "description_id"), _c("action", column="action_code"),
         _c("type"), _c("override"), _c("network_block", _F), _c("rank", _N)),
    ),
    Section(
        "demerits",
        "demerit row",
        t.demerit_rule,
        (_PATRON_TYPE, _ITEM_TYPE),
        (_c("points_overdue", _N), _c("points_recall", _N)),
    ),
    Section(
        "overdue_triggers",
        "overdue trigger",
        t.overdue_trigger,
        (_BRANCH, _PATRON_TYPE, _c("level", _N)),
        (_c("delay_days", _N), _c("template"), _c("restricts", _F), _c("transports", Kind.LIST)),
    ),
    Section(
        "notice_templates",
        "notice template",
        t.notice_template,
        (_BRANCH, _c("code"), _c("language"), _c("transport")),
        (_c("subject"), _c("body_start"), _c("body"), _c("body_end")),
    ),
    Section(
        "texts",
        "screen text",
        t.custom_message,
        (_c("scenario"), _c("language")),
        (Column("text", "text", empty=True),),
    ),
    Section(
        "sort_bins",
        "sort bin rule",
        t.sort_bin_rule,
        (_BRANCH, _c("rank", _N), _c("bin"), _c("holding_branch", Kind.BRANCH, "holding_branch_id"),
         _ITEM_TYPE, _c("call_number_pattern"), _c("collection_code"), _c("routing")),
        owner="branch",
    ),
)  # fmt: skip
