"""Every table (circulation.md 11), with its invariants as constraints.

Storage types: instants are BIGINT epoch seconds UTC (``*_at``), dates are ISO text (``*_on``), booleans are
0/1 integers, JSON and addresses
are TEXT, money is BIGINT minor units (``*_minor``); so rows read alike on SQLite and PostgreSQL and no
statement of the exchange path
needs a type decorator. Triggers (append-only rows, immutable addresses) stand in the migrations.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite only numbers rows by itself when the key is INTEGER.
Key = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[int]:
    return Column("id", Key, primary_key=True, autoincrement=True)


def _ref(name: str, target: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, Key, ForeignKey(f"{target}.id", ondelete="RESTRICT"), nullable=nullable)


def _flag(name: str, default: int = 0) -> Column[int]:
    return Column(
        name,
        Integer,
        CheckConstraint(f"{name} IN (0, 1)", name=name),
        nullable=False,
        server_default=str(default),
    )


def _int(name: str, default: int | None = None) -> Column[int]:
    return Column(
        name, Integer, nullable=default is None, server_default=None if default is None else str(default)
    )


def _minor(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _at(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _text(name: str, default: str | None = None, *, nullable: bool = False) -> Column[str]:
    return Column(name, Text, nullable=nullable, server_default=default)


def _one_of(name: str, *values: str) -> CheckConstraint:
    quoted = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{name} IN ({quoted})", name=name)


# -- organisation (11.1) ---------------------------------------------------------------------------------

library_epoch = Table(
    "library_epoch",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _at("epoch"),
    CheckConstraint("id = 1", name="single"),
)
circulation_group = Table(
    "circulation_group", metadata, _id(), Column("code", Text, nullable=False, unique=True)
)
institution = Table(
    "institution",
    metadata,
    _id(),
    Column("code", Text, nullable=False, unique=True),
    _text("name"),
    _text("timezone"),
    _text("currency"),
    _text("language", "en"),
    _text("admin_email", nullable=True),
    _ref("circulation_group_id", "circulation_group", nullable=True),
    _int("group_rank", 0),
    _flag("enabled", 1),
)
branch = Table(
    "branch",
    metadata,
    _id(),
    _ref("institution_id", "institution"),
    _text("code"),
    _text("name"),
    _text("timezone", nullable=True),
    _text("email", nullable=True),
    _flag("uses_own_calendar"),
    _flag("enabled", 1),
    UniqueConstraint("institution_id", "code"),
)
staff_account = Table(
    "staff_account",
    metadata,
    _id(),
    _ref("institution_id", "institution", nullable=True),
    Column("login", Text, nullable=False, unique=True),
    Column("os_user", Text, nullable=True, unique=True),
    _text("name", ""),
    _text("password_hash", nullable=True),
    _text("roles", "[]"),
    _text("branch_ids", "[]"),
    _flag("enabled", 1),
)
setting = Table(
    "setting",
    metadata,
    _text("scope"),
    Column("scope_id", Key, nullable=False),
    _text("key"),
    _text("value"),
    PrimaryKeyConstraint("scope", "scope_id", "key"),
    _one_of("scope", "SITE", "INSTITUTION", "BRANCH"),
)

# -- calendar (11.2): each row belongs to an institution or to a branch ----------------------------------

_OWNER = "(institution_id IS NULL) <> (branch_id IS NULL)"
opening_interval = Table(
    "opening_interval",
    metadata,
    _id(),
    _ref("institution_id", "institution", nullable=True),
    _ref("branch_id", "branch", nullable=True),
    Column("weekday", Integer, CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"), nullable=False),
    _text("opens"),
    _text("closes"),
    CheckConstraint("opens < closes", name="order"),
    CheckConstraint(_OWNER, name="owner"),
)
special_closure = Table(
    "special_closure",
    metadata,
    _id(),
    _ref("institution_id", "institution", nullable=True),
    _ref("branch_id", "branch", nullable=True),
    _text("kind", "SINGLE"),
    _text("title", ""),
    _at("starts_at", nullable=True),
    _at("ends_at", nullable=True),
    _flag("all_day", 1),
    _int("month"),
    _int("day"),
    _one_of("kind", "SINGLE", "RECURRING"),
    CheckConstraint(
        "(kind = 'SINGLE' AND starts_at IS NOT NULL AND ends_at IS NOT NULL AND starts_at < ends_at)"
        " OR (kind = 'RECURRING' AND month IS NOT NULL AND month BETWEEN 1 AND 12"
        " AND day IS NOT NULL AND day BETWEEN 1 AND 31)",
        name="span",
    ),
    CheckConstraint(_OWNER, name="owner"),
)
calendar_exception = Table(
    "calendar_exception",
    metadata,
    _id(),
    _ref("institution_id", "institution", nullable=True),
    _ref("branch_id", "branch", nullable=True),
    _text("day_on"),
    _flag("open", 1),
    CheckConstraint(_OWNER, name="owner"),
)

# -- SIP2 service (11.3, CN-2..CN-12) --------------------------------------------------------------------

branch_sip2 = Table(
    "branch_sip2",
    metadata,
    Column(
        "branch_id", Key, ForeignKey("branch.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    ),
    _text("status", "NOT_CONFIGURED"),
    _text("preset", nullable=True),
    Column(
        "retries_allowed",
        Integer,
        CheckConstraint("retries_allowed BETWEEN 0 AND 999", name="retries"),
        nullable=False,
        server_default="3",
    ),
    Column(
        "timeout_seconds",
        Integer,
        CheckConstraint("timeout_seconds BETWEEN 1 AND 99", name="timeout"),
        nullable=False,
        server_default="15",
    ),
    Column(
        "idle_timeout_seconds",
        Integer,
        CheckConstraint("idle_timeout_seconds BETWEEN 10 AND 86400", name="idle"),
        nullable=False,
        server_default="600",
    ),
    _flag("send_personal_data"),
    _flag("available_hold_allowed"),
    _flag("use_sort_bin"),
    _text("terminal_location", ""),
    _text("library_name", ""),
    _int("max_print_width", 0),
    _text("language", nullable=True),
    _text("profile", nullable=True),
    _text("encoding", nullable=True),
    _text("line_terminator", nullable=True),
    _text("error_detection", nullable=True),
    _text("valid_patron", nullable=True),
    _flag("renewal_branch"),
    _flag("due_receipt_enabled"),
    _flag("allow_empty_pins"),
    _flag("enforce_institution"),
    _at("updated_at", nullable=True),
    _text("updated_by", nullable=True),
    _one_of("status", "NOT_CONFIGURED", "CONFIGURED"),
)
branch_message = Table(
    "branch_message",
    metadata,
    Column("branch_id", Key, ForeignKey("branch.id", ondelete="RESTRICT"), nullable=False),
    _text("message"),
    _text("support", "DISABLED"),
    PrimaryKeyConstraint("branch_id", "message"),
    _one_of("support", "DISABLED", "ENABLED", "ENABLED_NO_AUTH"),
)
terminal = Table(
    "terminal",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    _ref("branch_id", "branch"),
    _text("address"),
    Column(
        "prefix_length",
        Integer,
        CheckConstraint("prefix_length BETWEEN 0 AND 128", name="prefix"),
        nullable=False,
    ),
    _text("username", nullable=True),
    _text("password_hash", nullable=True),
    _flag("enabled", 1),
    _text("profile", "standard"),
    _flag("group_resolution"),
    _flag("require_tls"),
    _text("client_certificate", nullable=True),
    _int("quota", 32),
    _flag("any_branch"),
    _text("override_role", nullable=True),
    _flag("auto_override"),
    _text("description", ""),
    _text("purpose", nullable=True),
    _at("expires_at", nullable=True),
    _at("last_used_at", nullable=True),
    _at("created_at"),
    _text("created_by", ""),
    _at("removed_at", nullable=True),
    CheckConstraint("(username IS NULL) = (password_hash IS NULL)", name="credentials"),
    CheckConstraint("quota > 0", name="quota"),
    Index(
        "uq_terminal_login",
        "address",
        "prefix_length",
        "username",
        unique=True,
        sqlite_where=text("removed_at IS NULL"),
        postgresql_where=text("removed_at IS NULL"),
    ),
    Index(
        "uq_terminal_address",
        "address",
        "prefix_length",
        unique=True,
        sqlite_where=text("username IS NULL AND removed_at IS NULL"),
        postgresql_where=text("username IS NULL AND removed_at IS NULL"),
    ),
)
refused_address = Table(
    "refused_address",
    metadata,
    Column("address", Text, primary_key=True),
    _text("reason"),
    _text("listener", ""),
    _at("first_at"),
    _at("last_at"),
    _int("count", 1),
)
custom_message = Table(
    "custom_message",
    metadata,
    _ref("institution_id", "institution"),
    _text("scenario"),
    _text("language"),
    _text("text"),
    PrimaryKeyConstraint("institution_id", "scenario", "language"),
)
session_log = Table(
    "session_log",
    metadata,
    _id(),
    _ref("terminal_id", "terminal", nullable=True),
    _ref("branch_id", "branch", nullable=True),
    _text("peer"),
    _at("opened_at"),
    _at("closed_at"),
    _text("close_reason"),
    _text("counters", "{}"),
)

# -- people (11.4) ---------------------------------------------------------------------------------------

membership_policy = Table(
    "membership_policy",
    metadata,
    _id(),
    _ref("institution_id", "institution"),
    _text("name"),
    _minor("fee_minor"),
    _text("bill_reason", ""),
    Column("period", Integer, CheckConstraint("period >= 1", name="period"), nullable=False),
    _text("period_unit", "YEAR"),
    _text("reminder_days", "[]"),
    _text("bill_template", nullable=True),
    _text("confirmation_template", nullable=True),
    _text("reminder_template", nullable=True),
    _flag("enabled", 1),
    UniqueConstraint("institution_id", "name"),
    CheckConstraint("fee_minor >= 0", name="fee"),
    _one_of("period_unit", "DAY", "WEEK", "MONTH", "YEAR"),
)
patron_type = Table(
    "patron_type",
    metadata,
    _id(),
    _ref("institution_id", "institution"),
    _text("code"),
    _text("name"),
    _int("loan_limit"),
    _minor("value_limit_minor", nullable=True),
    _int("overdue_limit"),
    _int("recalled_overdue_limit"),
    _int("claims_limit"),
    _int("lost_limit"),
    _minor("bills_limit_minor", nullable=True),
    _int("hold_limit"),
    _flag("limits_block_renewal"),
    _flag("overdue_notice_required"),
    _text("messaging", "{}"),
    _ref("membership_policy_id", "membership_policy", nullable=True),
    _at("policy_attached_at", nullable=True),
    UniqueConstraint("institution_id", "code"),
    CheckConstraint("(membership_policy_id IS NULL) = (policy_attached_at IS NULL)", name="policy"),
)
patron = Table(
    "patron",
    metadata,
    _id(),
    _ref("institution_id", "institution"),
    _ref("home_branch_id", "branch"),
    _ref("type_id", "patron_type"),
    _text("barcode"),
    _text("name"),
    _text("email", nullable=True),
    _text("phone", nullable=True),
    _text("address", nullable=True),
    _text("language", nullable=True),
    _text("pin_hash", nullable=True),
    _text("expires_on", nullable=True),
    _flag("card_lost"),
    _int("claims_returned", 0),
    _flag("membership_frozen"),
    _int("source_version", 1),
    _at("created_at"),
    _at("deleted_at", nullable=True),
    UniqueConstraint("institution_id", "barcode"),
    CheckConstraint("length(barcode) BETWEEN 1 AND 80", name="barcode"),
)
patron_identifier = Table(
    "patron_identifier",
    metadata,
    _ref("institution_id", "institution"),
    _text("value"),
    _ref("patron_id", "patron"),
    _text("kind", "CARD"),
    PrimaryKeyConstraint("institution_id", "value"),
)
proxy_card = Table(
    "proxy_card",
    metadata,
    _ref("institution_id", "institution"),
    _text("barcode"),
    _ref("primary_patron_id", "patron"),
    _ref("holder_patron_id", "patron", nullable=True),
    _flag("enabled", 1),
    _text("expires_on", nullable=True),
    PrimaryKeyConstraint("institution_id", "barcode"),
    CheckConstraint("length(barcode) BETWEEN 1 AND 80", name="barcode"),
    CheckConstraint("holder_patron_id IS NULL OR holder_patron_id <> primary_patron_id", name="holder"),
)
patron_messaging = Table(
    "patron_messaging",
    metadata,
    _ref("patron_id", "patron"),
    _text("notice"),
    _flag("enabled", 1),
    Column(
        "days_in_advance",
        Integer,
        CheckConstraint("days_in_advance BETWEEN 0 AND 30", name="days"),
        nullable=False,
        server_default="0",
    ),
    _flag("digest"),
    _text("transports", '["EMAIL"]'),
    PrimaryKeyConstraint("patron_id", "notice"),
)
patron_link = Table(
    "patron_link",
    metadata,
    _id(),
    _ref("source_patron_id", "patron"),
    _ref("target_patron_id", "patron"),
    _text("mode", "SOURCE_TARGET"),
    _flag("copy_network_blocks"),
    _at("last_refresh_at", nullable=True),
    _int("source_version", 0),
    UniqueConstraint("source_patron_id", "target_patron_id"),
    CheckConstraint("source_patron_id <> target_patron_id", name="two"),
    _one_of("mode", "SOURCE_TARGET", "CONSORTIUM_ID"),
)

# -- blocks and demerits (11.7) --------------------------------------------------------------------------

block_description = Table(
    "block_description",
    metadata,
    _id(),
    _ref("institution_id", "institution"),
    _text("code"),
    _text("text"),
    _flag("enabled", 1),
    _int("rank", 0),
    _flag("is_default"),
    UniqueConstraint("institution_id", "code"),
    Index(
        "uq_block_description_default",
        "institution_id",
        unique=True,
        sqlite_where=text("is_default = 1"),
        postgresql_where=text("is_default = 1"),
    ),
)
block_action = Table(
    "block_action",
    metadata,
    Column("code", Text, primary_key=True),
    _text("actions"),
    _flag("builtin"),
)
block_definition = Table(
    "block_definition",
    metadata,
    _ref("institution_id", "institution"),
    _text("code"),
    _ref("description_id", "block_description"),
    Column("action_code", Text, ForeignKey("block_action.code", ondelete="RESTRICT"), nullable=False),
    _text("type"),
    _text("override", "OPERATOR"),
    _flag("network_block"),
    _int("rank", 0),
    PrimaryKeyConstraint("institution_id", "code"),
    _one_of("type", "CASH", "CONSORTIAL", "DEMERIT", "GENERAL", "LOAN", "RESOURCE_SHARING", "USER"),
    _one_of("override", "ALL", "NONE", "CIRCDESK", "OPERATOR"),
    CheckConstraint("type <> 'CONSORTIAL' OR network_block = 0", name="copied_back"),
)
user_block = Table(
    "user_block",
    metadata,
    _id(),
    _ref("patron_id", "patron"),
    _text("definition"),
    _text("type", "USER"),
    _text("actions"),
    _text("override", "OPERATOR"),
    _text("reason", ""),
    _text("origin"),
    _at("starts_at"),
    _at("expires_at", nullable=True),
    _text("created_by", ""),
    _at("removed_at", nullable=True),
    _text("removed_reason", nullable=True),
    _text("removed_by", nullable=True),
    _flag("set_card_lost"),
    _text("note", ""),
    _ref("loan_id", "loan", nullable=True),
    _at("loan_due_at", nullable=True),
    _ref("link_id", "patron_link", nullable=True),
    _text("original_type", nullable=True),
    _flag("network_block"),
    _flag("capped"),
    _one_of(
        "origin", "MANUAL", "SIP2", "OVERDUE_RETURN", "SHORT_LOAN", "OVERDUE_NOTICE", "DEMERIT", "NETWORK"
    ),
    _one_of("override", "ALL", "NONE", "CIRCDESK", "OPERATOR"),
    Index(
        "ix_user_block_patron",
        "patron_id",
        sqlite_where=text("removed_at IS NULL"),
        postgresql_where=text("removed_at IS NULL"),
    ),
    # One restriction, one suspension for demerits at a time (LO-21, BL-33).
    Index(
        "uq_user_block_only",
        "patron_id",
        "origin",
        unique=True,
        sqlite_where=text("removed_at IS NULL AND origin IN ('OVERDUE_NOTICE', 'DEMERIT')"),
        postgresql_where=text("removed_at IS NULL AND origin IN ('OVERDUE_NOTICE', 'DEMERIT')"),
    ),
    # One block a loan and due date for each way to get one (BL-50, BL-54).
    Index(
        "uq_user_block_loan",
        "loan_id",
        "loan_due_at",
        "origin",
        unique=True,
        sqlite_where=text("removed_at IS NULL AND loan_id IS NOT NULL"),
        postgresql_where=text("removed_at IS NULL AND loan_id IS NOT NULL"),
    ),
    Index(
        "ix_user_block_expiry",
        "expires_at",
        sqlite_where=text("removed_at IS NULL AND expires_at IS NOT NULL"),
        postgresql_where=text("removed_at IS NULL AND expires_at IS NOT NULL"),
    ),
)
demerit_rule = Table(
    "demerit_rule",
    metadata,
    _id(),
    _ref("institution_id", "institution"),
    _ref("patron_type_id", "patron_type", nullable=True),
    _ref("item_type_id", "item_type", nullable=True),
    _int("points_overdue", 0),
    _int("points_recall", 0),
    CheckConstraint("points_overdue >= 0 AND points_recall >= 0", name="points"),
)
Index(
    "uq_demerit_rule_place",
    demerit_rule.c.institution_id,
    func.coalesce(demerit_rule.c.patron_type_id, 0),
    func.coalesce(demerit_rule.c.item_type_id, 0),
    unique=True,
)
demerit_point = Table(
    "demerit_point",
    metadata,
    _id(),
    _ref("patron_id", "patron"),
    _ref("loan_id", "loan"),
    _ref("event_id", "loan_event"),
    _text("kind"),
    _int("points", 0),
    _int("remaining", 0),
    _at("created_at"),
    UniqueConstraint("event_id", "kind"),
    _one_of("kind", "OVERDUE", "RECALL", "REVERSAL"),
    CheckConstraint(
        "(kind <> 'REVERSAL' AND remaining BETWEEN 0 AND points) OR (kind = 'REVERSAL' AND points <= 0)",
        name="remaining",
    ),
    Index("ix_demerit_point_patron", "patron_id", "created_at"),
)
demerit_consumption = Table(
    "demerit_consumption",
    metadata,
    _ref("block_id", "user_block"),
    _ref("point_id", "demerit_point"),
    _int("used", 0),
    PrimaryKeyConstraint("block_id", "point_id"),
)

# -- inventory and loans (11.5) --------------------------------------------------------------------------

item_type = Table(
    "item_type",
    metadata,
    _id(),
    _ref("institution_id", "institution"),
    _text("code"),
    _text("name"),
    _text("media_type", "000"),
    _flag("magnetic"),
    _flag("desensitize", 1),
    _text("checkin_message", nullable=True),
    _minor("default_replacement_minor", nullable=True),
    _minor("processing_fee_minor", nullable=True),
    UniqueConstraint("institution_id", "code"),
)
title = Table(
    "title",
    metadata,
    _id(),
    _ref("institution_id", "institution"),
    _text("number"),
    _text("title"),
    _text("author", ""),
    UniqueConstraint("institution_id", "number"),
)
item = Table(
    "item",
    metadata,
    _id(),
    _ref("institution_id", "institution"),
    _ref("home_branch_id", "branch"),
    _ref("holding_branch_id", "branch"),
    _ref("transit_to_branch_id", "branch", nullable=True),
    _ref("title_id", "title"),
    _ref("type_id", "item_type"),
    _text("barcode"),
    _text("call_number", ""),
    _text("collection_code", ""),
    _text("properties", ""),
    _minor("price_minor", nullable=True),
    _int("lost_status", 0),
    _text("lost_on", nullable=True),
    _text("lost_origin", nullable=True),
    _flag("withdrawn"),
    _flag("not_for_loan"),
    _flag("is_temporary_ill"),
    _text("security_marker", "00"),
    _int("copy_no", 1),
    UniqueConstraint("institution_id", "barcode"),
    CheckConstraint("length(barcode) BETWEEN 1 AND 80", name="barcode"),
    Index("ix_item_title_id", "title_id"),
)
circulation_rule = Table(
    "circulation_rule",
    metadata,
    _id(),
    _ref("institution_id", "institution"),
    _ref("branch_id", "branch", nullable=True),
    _ref("patron_type_id", "patron_type", nullable=True),
    _ref("item_type_id", "item_type", nullable=True),
    _text("name"),
    _text("value"),
    Column("valid_from", BigInteger, nullable=False, server_default="0"),
    _at("valid_to", nullable=True),
    CheckConstraint("valid_to IS NULL OR valid_from < valid_to", name="span"),
)
Index(
    "uq_circulation_rule_place",
    circulation_rule.c.institution_id,
    func.coalesce(circulation_rule.c.branch_id, 0),
    func.coalesce(circulation_rule.c.patron_type_id, 0),
    func.coalesce(circulation_rule.c.item_type_id, 0),
    circulation_rule.c.name,
    circulation_rule.c.valid_from,
    unique=True,
)
lost_value = Table(
    "lost_value",
    metadata,
    _ref("institution_id", "institution"),
    Column("code", Integer, CheckConstraint("code > 0", name="code"), nullable=False),
    _text("description"),
    _flag("is_auto"),
    _flag("claims_returned"),
    _flag("blocks_checkin"),
    PrimaryKeyConstraint("institution_id", "code"),
)
sort_bin_rule = Table(
    "sort_bin_rule",
    metadata,
    _id(),
    _ref("branch_id", "branch"),
    _int("rank", 0),
    _text("bin"),
    _ref("holding_branch_id", "branch", nullable=True),
    _ref("item_type_id", "item_type", nullable=True),
    _text("call_number_pattern", nullable=True),
    _text("collection_code", nullable=True),
    _text("routing", nullable=True),
    _one_of("routing", "HOLD_HERE", "HOLD_ELSEWHERE", "TRANSIT", "SHELF"),
)
loan = Table(
    "loan",
    metadata,
    _id(),
    _ref("item_id", "item"),
    _ref("patron_id", "patron"),
    _ref("branch_id", "branch"),
    _ref("policy_branch_id", "branch"),
    _at("loaned_at"),
    _at("due_at"),
    _int("renewal_count", 0),
    _flag("auto_renew"),
    _at("recalled_at", nullable=True),
    _text("rule_snapshot", "{}"),
    _text("status", "OPEN"),
    _at("closed_at", nullable=True),
    _text("closed_reason", nullable=True),
    _text("interface"),
    _one_of("status", "OPEN", "CLOSED"),
    _one_of("closed_reason", "RETURN", "LOST", "IMPLICIT", "CANCEL", "SUPERSEDED"),
    CheckConstraint("(status = 'OPEN') = (closed_at IS NULL)", name="closed"),
    CheckConstraint(
        "due_at > loaned_at OR interface IN ('SIP2_OFFLINE', 'OFFLINE_FILE', 'BULK_RENEWAL', 'STAFF')",
        name="due",
    ),
    Index(
        "uq_loan_open_item",
        "item_id",
        unique=True,
        sqlite_where=text("status = 'OPEN'"),
        postgresql_where=text("status = 'OPEN'"),
    ),
    # All that a list of a patron's loans is made of, in its order: no loan is looked up (1 us a patron).
    Index(
        "ix_loan_open_patron",
        "patron_id",
        "due_at",
        "recalled_at",
        "id",
        "item_id",
        sqlite_where=text("status = 'OPEN'"),
        postgresql_where=text("status = 'OPEN'"),
    ),
    Index(
        "ix_loan_open_due",
        "due_at",
        sqlite_where=text("status = 'OPEN'"),
        postgresql_where=text("status = 'OPEN'"),
    ),
    Index("ix_loan_patron_id", "patron_id"),
)
loan_event = Table(
    "loan_event",
    metadata,
    _id(),
    _ref("loan_id", "loan", nullable=True),
    _ref("item_id", "item"),
    _ref("patron_id", "patron", nullable=True),
    _text("kind"),
    _at("event_at"),
    _at("recorded_at"),
    _ref("branch_id", "branch"),
    _text("interface"),
    _ref("terminal_id", "terminal", nullable=True),
    _at("old_due_at", nullable=True),
    _at("new_due_at", nullable=True),
    _text("bypassed", "[]"),
    _text("detail", "{}"),
    _one_of("kind", "LOAN", "RENEW", "RETURN", "LOST", "FOUND", "RECALL", "CANCEL", "ROUTE"),
    Index("ix_loan_event_item", "item_id", "id"),
    # What was renewed in the last hour (BR-14), or loaded from a file (OF-38).
    Index(
        "ix_loan_event_renewed",
        "recorded_at",
        sqlite_where=text("kind = 'RENEW' OR interface = 'OFFLINE_FILE'"),
        postgresql_where=text("kind = 'RENEW' OR interface = 'OFFLINE_FILE'"),
    ),
)
hold = Table(
    "hold",
    metadata,
    _id(),
    _ref("institution_id", "institution"),
    _ref("patron_id", "patron"),
    _ref("title_id", "title"),
    _ref("item_id", "item", nullable=True),
    _text("kind", "HOLD"),
    _text("scope", "TITLE"),
    _ref("pickup_branch_id", "branch"),
    _ref("copy_branch_id", "branch", nullable=True),
    _at("placed_at"),
    _int("priority", 0),
    _text("status", "PENDING"),
    _ref("filled_item_id", "item", nullable=True),
    _at("shelf_expires_at", nullable=True),
    _at("expires_at", nullable=True),
    _at("starts_at", nullable=True),
    _at("closed_at", nullable=True),
    _int("version", 1),
    _one_of("kind", "HOLD", "RECALL", "SCHEDULE"),
    _one_of("scope", "TITLE", "ITEM", "BRANCH"),
    _one_of("status", "PENDING", "ON_SHELF", "IN_TRANSIT", "FULFILLED", "CANCELLED", "EXPIRED"),
    CheckConstraint(
        "(status IN ('ON_SHELF', 'IN_TRANSIT')) = (filled_item_id IS NOT NULL AND closed_at IS NULL)",
        name="filled",
    ),
    Index(
        "uq_hold_active",
        "patron_id",
        "title_id",
        unique=True,
        sqlite_where=text("status IN ('PENDING', 'ON_SHELF', 'IN_TRANSIT')"),
        postgresql_where=text("status IN ('PENDING', 'ON_SHELF', 'IN_TRANSIT')"),
    ),
    Index(
        "uq_hold_filled_item",
        "filled_item_id",
        unique=True,
        sqlite_where=text("status IN ('ON_SHELF', 'IN_TRANSIT')"),
        postgresql_where=text("status IN ('ON_SHELF', 'IN_TRANSIT')"),
    ),
    Index(
        "ix_hold_queue",
        "title_id",
        "priority",
        "placed_at",
        sqlite_where=text("status = 'PENDING'"),
        postgresql_where=text("status = 'PENDING'"),
    ),
    Index(
        "ix_hold_open_title",
        "title_id",
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
    Index(
        "ix_hold_open_patron",
        "patron_id",
        "status",
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
)

# -- ledger (11.6): append-only, double entry ------------------------------------------------------------

fee = Table(
    "fee",
    metadata,
    _id(),
    _ref("patron_id", "patron"),
    _text("kind"),
    _ref("loan_id", "loan", nullable=True),
    _ref("item_id", "item", nullable=True),
    _at("loan_due_at", nullable=True),
    _text("reason", ""),
    _at("created_at"),
    _one_of("kind", "OVERDUE", "LOST", "PROCESSING", "MEMBERSHIP", "MANUAL", "RENTAL"),
    # One accruing fine a loan and due period (LO-31).
    Index(
        "uq_fee_overdue_period",
        "loan_id",
        "loan_due_at",
        unique=True,
        sqlite_where=text("kind = 'OVERDUE' AND loan_due_at IS NOT NULL"),
        postgresql_where=text("kind = 'OVERDUE' AND loan_due_at IS NOT NULL"),
    ),
    Index("ix_fee_item_id", "item_id"),
    Index(
        "uq_fee_loan_kind",
        "loan_id",
        "kind",
        unique=True,
        sqlite_where=text("kind IN ('LOST', 'PROCESSING')"),
        postgresql_where=text("kind IN ('LOST', 'PROCESSING')"),
    ),
)
fee_status = Table(
    "fee_status",
    metadata,
    _id(),
    _ref("fee_id", "fee"),
    _text("status"),
    _at("at"),
    _one_of("status", "UNRETURNED", "RETURNED", "RENEWED", "LOST", "FORGIVEN", "FOUND", "CANCELLED"),
    Index("ix_fee_status_fee", "fee_id", "id"),
)
membership = Table(
    "membership",
    metadata,
    _id(),
    _ref("patron_id", "patron"),
    _ref("policy_id", "membership_policy", nullable=True),
    _text("origin"),
    _at("activated_at"),
    _text("expires_on"),
    _ref("fee_id", "fee", nullable=True),
    _text("created_by", ""),
    UniqueConstraint("fee_id"),
    _one_of("origin", "BILL", "STAFF_EXISTING"),
    Index("ix_membership_patron", "patron_id", "expires_on"),
    Index("ix_membership_activated_at", "activated_at"),
)
# What a membership's bill sold: the policy may be another one when it is paid (MB-3, MB-42).
membership_bill = Table(
    "membership_bill",
    metadata,
    Column("fee_id", Key, ForeignKey("fee.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False),
    _ref("patron_id", "patron"),
    _ref("policy_id", "membership_policy"),
    _minor("amount_minor"),
    Column("period", Integer, CheckConstraint("period >= 1", name="period"), nullable=False),
    _text("period_unit"),
    _ref("renews_id", "membership", nullable=True),
    _at("created_at"),
    _one_of("period_unit", "DAY", "WEEK", "MONTH", "YEAR"),
    Index("ix_membership_bill_patron", "patron_id"),
    Index("ix_membership_bill_created_at", "created_at"),
)
fee_balance = Table(
    "fee_balance",
    metadata,
    Column("fee_id", Key, ForeignKey("fee.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False),
    _ref("patron_id", "patron"),
    _text("kind"),
    _minor("outstanding_minor"),
    CheckConstraint("outstanding_minor >= 0", name="outstanding"),
    Index(
        "ix_fee_balance_owed",
        "patron_id",
        sqlite_where=text("outstanding_minor > 0"),
        postgresql_where=text("outstanding_minor > 0"),
    ),
)
patron_credit = Table(
    "patron_credit",
    metadata,
    Column(
        "patron_id", Key, ForeignKey("patron.id", ondelete="RESTRICT"), primary_key=True, autoincrement=False
    ),
    _minor("credit_minor"),
    CheckConstraint("credit_minor >= 0", name="credit"),
)
ledger_txn = Table(
    "ledger_txn",
    metadata,
    _id(),
    _at("at"),
    _text("kind"),
    _ref("patron_id", "patron"),
    _text("actor"),
    _text("interface"),
    _ref("branch_id", "branch"),
    _ref("terminal_id", "terminal", nullable=True),
    _ref("reverses_txn_id", "ledger_txn", nullable=True),
    _text("payment_type", nullable=True),
    Column("payment_key", Text, nullable=True, unique=True),
    _one_of(
        "kind", "ACCRUE", "CHARGE", "PAY", "WAIVE", "WRITEOFF", "FORGIVE", "REFUND", "VOID", "TRANSFER_CREDIT"
    ),
    Index("ix_ledger_txn_patron", "patron_id", "id"),
)
ledger_posting = Table(
    "ledger_posting",
    metadata,
    Column("txn_id", Key, ForeignKey("ledger_txn.id", ondelete="RESTRICT"), nullable=False),
    Column("line_no", Integer, nullable=False),
    _text("account"),
    _ref("patron_id", "patron"),
    _ref("fee_id", "fee", nullable=True),
    _minor("amount_minor"),
    _text("currency"),
    PrimaryKeyConstraint("txn_id", "line_no"),
    _one_of(
        "account",
        "AR",
        "CREDIT",
        "REV_OVERDUE",
        "REV_LOST",
        "REV_PROCESSING",
        "REV_MEMBERSHIP",
        "REV_MANUAL",
        "REV_RENTAL",
        "CASH",
        "WAIVED",
        "FORGIVEN",
        "WRITTEN_OFF",
    ),
    CheckConstraint("account <> 'AR' OR fee_id IS NOT NULL", name="receivable"),
    Index("ix_ledger_posting_fee", "fee_id"),
)  # fmt: skip

# -- journal and audit (SP-21, GN-7) ---------------------------------------------------------------------

journal = Table(
    "journal",
    metadata,
    _id(),
    _ref("branch_id", "branch"),
    _text("message"),
    _text("transaction_date"),
    Column("digest", LargeBinary, nullable=False),
    _ref("terminal_id", "terminal", nullable=True),
    _flag("no_block"),
    _at("recorded_at"),
    Column("exchange_id", LargeBinary, nullable=False, unique=True),
    Column("answer", LargeBinary, nullable=False),
    _text("effects"),
    Index("ix_journal_key", "branch_id", "message", "transaction_date", "digest"),
    Index("ix_journal_recorded_at", "recorded_at"),
)
audit_log = Table(
    "audit_log",
    metadata,
    _id(),
    _at("at"),
    _text("actor"),
    _text("role", nullable=True),
    _ref("branch_id", "branch", nullable=True),
    _text("peer", nullable=True),
    _ref("terminal_id", "terminal", nullable=True),
    _text("entity"),
    _text("entity_id"),
    _text("action"),
    _text("before", nullable=True),
    _text("after", nullable=True),
    _text("correlation_id", nullable=True),
    Index("ix_audit_log_entity", "entity", "entity_id"),
)

# -- notices and jobs (11.8) -----------------------------------------------------------------------------

notice_template = Table(
    "notice_template",
    metadata,
    _id(),
    _ref("institution_id", "institution"),
    _ref("branch_id", "branch", nullable=True),
    _text("code"),
    _text("language"),
    _text("transport"),
    _text("subject", ""),
    _text("body_start", ""),
    _text("body", ""),
    _text("body_end", ""),
    _one_of("transport", "EMAIL", "SMS", "PRINT"),
)
Index(
    "uq_notice_template_place",
    notice_template.c.institution_id,
    func.coalesce(notice_template.c.branch_id, 0),
    notice_template.c.code,
    notice_template.c.language,
    notice_template.c.transport,
    unique=True,
)
overdue_trigger = Table(
    "overdue_trigger",
    metadata,
    _id(),
    _ref("institution_id", "institution"),
    _ref("branch_id", "branch", nullable=True),
    _ref("patron_type_id", "patron_type"),
    Column("level", Integer, CheckConstraint("level BETWEEN 1 AND 3", name="level"), nullable=False),
    Column(
        "delay_days", Integer, CheckConstraint("delay_days BETWEEN 1 AND 90", name="delay"), nullable=False
    ),
    _text("template", nullable=True),
    _flag("restricts"),
    _text("transports", '["EMAIL"]'),
)
Index(
    "uq_overdue_trigger_place",
    overdue_trigger.c.institution_id,
    func.coalesce(overdue_trigger.c.branch_id, 0),
    overdue_trigger.c.patron_type_id,
    overdue_trigger.c.level,
    unique=True,
)
notice = Table(
    "notice",
    metadata,
    _id(),
    _ref("institution_id", "institution"),
    _ref("branch_id", "branch", nullable=True),
    _ref("patron_id", "patron", nullable=True),
    _text("type"),
    _text("template"),
    _text("transport", "EMAIL"),
    _text("context", "{}"),
    Column("dedup_key", Text, nullable=False, unique=True),
    _text("state", "QUEUED"),
    _text("language", nullable=True),
    _text("sender", nullable=True),
    _text("recipient", nullable=True),
    _text("subject", nullable=True),
    _text("body", nullable=True),
    _int("attempts", 0),
    _at("not_before"),
    _at("created_at"),
    _at("sent_at", nullable=True),
    _text("error", nullable=True),
    _one_of("transport", "EMAIL", "SMS", "PRINT"),
    _one_of(
        "state",
        "QUEUED",
        "PENDING",
        "SENT",
        "FAILED",
        "UNDELIVERABLE",
        "HELD_NO_SENDER",
        "NO_TEMPLATE",
        "CANCELLED",
    ),
    Index(
        "ix_notice_open",
        "not_before",
        sqlite_where=text("state IN ('QUEUED', 'PENDING', 'HELD_NO_SENDER')"),
        postgresql_where=text("state IN ('QUEUED', 'PENDING', 'HELD_NO_SENDER')"),
    ),
    Index("ix_notice_patron_id", "patron_id"),
)
overdue_notice_sent = Table(
    "overdue_notice_sent",
    metadata,
    _ref("loan_id", "loan"),
    Column("level", Integer, nullable=False),
    _at("due_at"),
    _ref("notice_id", "notice", nullable=True),
    PrimaryKeyConstraint("loan_id", "level", "due_at"),
)
job_run = Table(
    "job_run",
    metadata,
    _id(),
    _text("job"),
    _text("owner", ""),
    _at("as_of"),
    Column("key", Text, nullable=False, unique=True),
    _at("started_at"),
    _at("ended_at", nullable=True),
    _text("status", "RUNNING"),
    _text("counters", "{}"),
    _text("report", "[]"),
    _text("error", nullable=True),
    _one_of("status", "RUNNING", "DONE", "FAILED"),
    Index("ix_job_run_job", "job", "owner", "as_of"),
)
job_lease = Table(
    "job_lease",
    metadata,
    Column("job", Text, primary_key=True),
    _text("holder"),
    _at("until"),
)
item_status_snapshot = Table(
    "item_status_snapshot",
    metadata,
    _text("as_of"),
    _ref("item_id", "item"),
    _ref("loan_id", "loan", nullable=True),
    _ref("patron_id", "patron", nullable=True),
    _at("due_at", nullable=True),
    _text("status"),
    _ref("branch_id", "branch"),
    PrimaryKeyConstraint("as_of", "item_id"),
)

# -- offline circulation and bulk renewals (11.8) ---------------------------------------------------------

offline_session = Table(
    "offline_session",
    metadata,
    _id(),
    _ref("institution_id", "institution"),
    _text("label"),
    _text("status", "OPEN"),
    _at("created_at"),
    _text("created_by", ""),
    UniqueConstraint("institution_id", "label"),
    _one_of("status", "OPEN", "APPLIED"),
)
offline_batch = Table(
    "offline_batch",
    metadata,
    _id(),
    _ref("session_id", "offline_session"),
    _ref("branch_id", "branch"),
    _text("file_name"),
    _text("format"),
    _text("sha256"),
    _text("workstation", ""),
    _int("clock_delta_seconds", 0),
    _text("status", "UPLOADED"),
    _text("totals", "{}"),
    _at("uploaded_at"),
    _text("uploaded_by", ""),
    _at("completed_at", nullable=True),
    _one_of(
        "status", "UPLOADED", "VALIDATED", "PROCESSING", "COMPLETED", "COMPLETED_WITH_ERRORS", "REJECTED"
    ),
    Index(
        "uq_offline_batch_file",
        "branch_id",
        "sha256",
        unique=True,
        sqlite_where=text("status <> 'REJECTED'"),
        postgresql_where=text("status <> 'REJECTED'"),
    ),
)
offline_line = Table(
    "offline_line",
    metadata,
    _ref("batch_id", "offline_batch"),
    Column("line_no", Integer, nullable=False),
    _ref("branch_id", "branch"),
    _text("raw"),
    _text("kind", nullable=True),
    _text("item_barcode", nullable=True),
    _text("patron_barcode", nullable=True),
    _at("happened_at", nullable=True),
    _at("due_at", nullable=True),
    _minor("amount_minor", nullable=True),
    _text("line_key", nullable=True),
    _text("status", "PENDING"),
    _text("code", nullable=True),
    _text("message", ""),
    _text("warnings", "[]"),
    _ref("loan_event_id", "loan_event", nullable=True),
    _at("applied_at", nullable=True),
    PrimaryKeyConstraint("batch_id", "line_no"),
    _one_of("status", "PENDING", "OK", "WARNING", "ERROR", "DUPLICATE"),
    # Whatever was done once is not done again, from whichever file it comes (OF-40).
    Index(
        "uq_offline_line_key",
        "branch_id",
        "line_key",
        unique=True,
        sqlite_where=text("status IN ('OK', 'WARNING')"),
        postgresql_where=text("status IN ('OK', 'WARNING')"),
    ),
    # What is still to be executed: for the metric, among millions of lines that are done.
    Index(
        "ix_offline_line_pending",
        "branch_id",
        sqlite_where=text("status = 'PENDING'"),
        postgresql_where=text("status = 'PENDING'"),
    ),
)
offline_exception = Table(
    "offline_exception",
    metadata,
    _id(),
    _ref("institution_id", "institution"),
    _ref("branch_id", "branch"),
    _text("source"),
    _text("code"),
    _text("item_barcode", ""),
    _text("patron_barcode", ""),
    _at("happened_at", nullable=True),
    _at("created_at"),
    _text("detail", "{}"),
    _at("resolved_at", nullable=True),
    _text("resolved_by", nullable=True),
    _text("note", ""),
    Index(
        "ix_offline_exception_open",
        "institution_id",
        sqlite_where=text("resolved_at IS NULL"),
        postgresql_where=text("resolved_at IS NULL"),
    ),
    # The same again, and a return that waits for its loan.
    Index("ix_offline_exception_item", "institution_id", "item_barcode"),
)
renewal_batch = Table(
    "renewal_batch",
    metadata,
    _id(),
    _ref("terminal_id", "terminal", nullable=True),
    _ref("branch_id", "branch"),
    _text("label", ""),
    _at("started_at"),
)
renewal_batch_item = Table(
    "renewal_batch_item",
    metadata,
    _ref("batch_id", "renewal_batch"),
    Column("sequence", Integer, nullable=False),
    _text("patron_barcode"),
    _text("item_barcode"),
    _at("due_requested", nullable=True),
    _text("outcome"),
    _text("code", ""),
    _text("message", ""),
    _at("at"),
    PrimaryKeyConstraint("batch_id", "sequence"),
    _one_of("outcome", "RENEWED", "SKIPPED", "FAILED"),
)
