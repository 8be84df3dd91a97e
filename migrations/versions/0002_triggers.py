"""What a CHECK cannot say: append-only tables, immutable columns, exclusive addresses, balanced transactions.

SQLite has no deferred trigger, so it cannot ask at COMMIT whether a ledger transaction sums to zero: there
the one function that records transactions writes all lines at once, and `sip2d db check` proves the sums.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = (
    "ledger_txn", "ledger_posting", "loan_event", "audit_log", "fee", "fee_status", "membership",
    "membership_bill",
)  # fmt: skip

_BRANCH, _PATRON, _ITEM = (f"coalesce({name}_id, 0)" for name in ("branch", "patron_type", "item_type"))
PLACES = {
    "uq_circulation_rule_place": (
        "circulation_rule", ("institution_id", _BRANCH, _PATRON, _ITEM, "name", "valid_from"),
    ),
    "uq_demerit_rule_place": ("demerit_rule", ("institution_id", _PATRON, _ITEM)),
    "uq_notice_template_place": (
        "notice_template", ("institution_id", _BRANCH, "code", "language", "transport"),
    ),
    "uq_overdue_trigger_place": (
        "overdue_trigger", ("institution_id", _BRANCH, "patron_type_id", "level"),
    ),
}  # fmt: skip
"""Unique per place, where a missing part of it (any branch, any type) counts as a value."""

ACTIONS = {
    "01": "LOAN",
    "02": "LOAN,RENEW",
    "03": "LOAN,RENEW,HOLD",
    "05": "LOAN,RENEW,HOLD,ILL",
}
"""The block actions that every library has (BL-5, BL-47)."""

EXCLUSIVE = """
    SELECT 1 FROM terminal AS other
    WHERE other.address = NEW.address AND other.prefix_length = NEW.prefix_length AND other.id <> NEW.id
    AND other.removed_at IS NULL AND (other.username IS NULL OR NEW.username IS NULL)
"""
"""CN-6b: several terminals share an address only if each has a user name."""
EXCLUSIVE_SAID = "a terminal without a user name has its address to itself"
IMMUTABLE_SAID = "the address of a terminal never changes"

RETYPED = "NEW.type <> OLD.type AND (NEW.type IN ({0}) OR OLD.type IN ({0}))".format(
    "'CONSORTIAL', 'DEMERIT'"
)
STANDING = """
    SELECT 1 FROM user_block JOIN patron ON patron.id = user_block.patron_id
    WHERE user_block.removed_at IS NULL AND user_block.definition = OLD.code
    AND patron.institution_id = OLD.institution_id
"""
FROZEN_SAID = "the type of a block definition stays while blocks stand because of it"
"""BL-6: a consortial block and one for demerits mean something."""


def upgrade() -> None:
    for name, (table, columns) in PLACES.items():
        op.execute(f"CREATE UNIQUE INDEX {name} ON {table} ({', '.join(columns)})")
    for code, actions in ACTIONS.items():
        op.execute(f"INSERT INTO block_action (code, actions, builtin) VALUES ('{code}', '{actions}', 1)")
    op.execute("INSERT INTO library_epoch (id, epoch) VALUES (1, 1)")
    if op.get_bind().dialect.name == "sqlite":
        _upgrade_sqlite()
    else:
        _upgrade_postgresql()


def _upgrade_sqlite() -> None:
    for table in APPEND_ONLY:
        for act in ("update", "delete"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{act} BEFORE {act.upper()} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )
    op.execute(
        "CREATE TRIGGER terminal_address_immutable BEFORE UPDATE OF address, prefix_length ON terminal"
        " WHEN NEW.address <> OLD.address OR NEW.prefix_length <> OLD.prefix_length"
        f" BEGIN SELECT RAISE(ABORT, '{IMMUTABLE_SAID}'); END"
    )
    for name, when in (("insert", "INSERT"), ("update", "UPDATE OF username, removed_at")):
        op.execute(
            f"CREATE TRIGGER terminal_exclusive_{name} AFTER {when} ON terminal"
            f" WHEN NEW.removed_at IS NULL AND EXISTS ({EXCLUSIVE})"
            f" BEGIN SELECT RAISE(ABORT, '{EXCLUSIVE_SAID}'); END"
        )
    op.execute(
        f"CREATE TRIGGER block_definition_frozen BEFORE UPDATE OF type ON block_definition WHEN {RETYPED}"
        f" AND EXISTS ({STANDING}) BEGIN SELECT RAISE(ABORT, '{FROZEN_SAID}'); END"
    )


def _function(name: str, body: str) -> None:
    op.execute(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$")


def _raise(said: str, *values: str) -> str:
    code = "ERRCODE = 'integrity_constraint_violation'"
    return f"RAISE EXCEPTION {', '.join((repr(said), *values))} USING {code};"


def _upgrade_postgresql() -> None:
    _function("refuse_change", _raise("% is append-only", "TG_TABLE_NAME"))
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    _function("refuse_terminal_move", _raise(IMMUTABLE_SAID))
    op.execute(
        "CREATE TRIGGER terminal_address_immutable BEFORE UPDATE OF address, prefix_length ON terminal"
        " FOR EACH ROW WHEN (NEW.address <> OLD.address OR NEW.prefix_length <> OLD.prefix_length)"
        " EXECUTE FUNCTION refuse_terminal_move()"
    )
    # The lock lets two transactions that add rows of one address see each other.
    _function(
        "refuse_shared_address",
        "PERFORM pg_advisory_xact_lock(hashtextextended(NEW.address || '/' || NEW.prefix_length, 0));"
        f" IF EXISTS ({EXCLUSIVE}) THEN {_raise(EXCLUSIVE_SAID)} END IF; RETURN NULL;",
    )
    op.execute(
        "CREATE TRIGGER terminal_exclusive AFTER INSERT OR UPDATE OF username, removed_at ON terminal"
        " FOR EACH ROW WHEN (NEW.removed_at IS NULL) EXECUTE FUNCTION refuse_shared_address()"
    )
    _function("refuse_new_type", f"IF EXISTS ({STANDING}) THEN {_raise(FROZEN_SAID)} END IF; RETURN NEW;")
    op.execute(
        "CREATE TRIGGER block_definition_frozen BEFORE UPDATE OF type ON block_definition"
        f" FOR EACH ROW WHEN ({RETYPED}) EXECUTE FUNCTION refuse_new_type()"
    )
    _function(
        "refuse_unbalanced",
        "IF (SELECT sum(amount_minor) FROM ledger_posting WHERE txn_id = NEW.txn_id) <> 0 THEN "
        f"{_raise('ledger transaction % does not sum to zero', 'NEW.txn_id')} END IF; RETURN NULL;",
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER ledger_posting_balanced AFTER INSERT ON ledger_posting"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_unbalanced()"
    )


def downgrade() -> None:
    for name, (table, _columns) in PLACES.items():
        op.drop_index(name, table)
    if op.get_bind().dialect.name == "sqlite":
        _downgrade_sqlite()
    else:
        _downgrade_postgresql()


def _downgrade_sqlite() -> None:
    names = [f"{table}_no_{act}" for table in APPEND_ONLY for act in ("update", "delete")]
    names += ["terminal_address_immutable", "terminal_exclusive_insert", "terminal_exclusive_update"]
    names += ["block_definition_frozen"]
    for name in names:
        op.execute(f"DROP TRIGGER {name}")


def _downgrade_postgresql() -> None:
    for table in APPEND_ONLY:
        op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
    op.execute("DROP TRIGGER terminal_address_immutable ON terminal")
    op.execute("DROP TRIGGER terminal_exclusive ON terminal")
    op.execute("DROP TRIGGER block_definition_frozen ON block_definition")
    op.execute("DROP TRIGGER ledger_posting_balanced ON ledger_posting")
    for function in (
        "refuse_change",
        "refuse_terminal_move",
        "refuse_shared_address",
        "refuse_new_type",
        "refuse_unbalanced",
    ):
        op.execute(f"DROP FUNCTION {function}()")
