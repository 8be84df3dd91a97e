"""sip2d with a planted defect, run as a script: SQLite's driver says that a COMMIT is done and does it later.

So the daemon answers before the effect is durable, the very thing it must not do (issue 5.3).
"""

import functools
import sqlite3.dbapi2
import sys
from typing import Any

HELD_BACK = 25
"""So many COMMITs are made one: a kill at any moment finds some that were only promised."""


class Early(sqlite3.Connection):
    """A COMMIT waits for later transactions of its connection."""

    _held = 0

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.in_transaction:
            self._held += 1
            return super().execute("SELECT 1")
        if sql.startswith("BEGIN") and self._held:
            if self._held < HELD_BACK:
                return super().execute("SELECT 1")
            self._held = 0
            super().execute("COMMIT")
        return super().execute(sql, *values)


if __name__ == "__main__":
    sqlite3.dbapi2.connect = functools.partial(sqlite3.connect, factory=Early)  # type: ignore[assignment]  # planted
    from sip2d.__main__ import main

    sys.exit(main(sys.argv[1:]))
