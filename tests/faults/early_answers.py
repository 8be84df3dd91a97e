"""sip2d with a planted defect, run as a script: SQLite's driver says that a COMMIT is done and does it later.

So the daemon answers before the effect is durable, the very thing it must not do (issue 5.3).
"""

import functools
import sqlite3.dbapi2
import sys
from typing import Any


class Early(sqlite3.Connection):
    """A COMMIT waits for the next BEGIN of its connection."""

    _late = False

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.in_transaction:
            self._late = True
            return super().execute("SELECT 1")
        if sql.startswith("BEGIN") and self._late:
            self._late = False
            super().execute("COMMIT")
        return super().execute(sql, *values)


if __name__ == "__main__":
    sqlite3.dbapi2.connect = functools.partial(sqlite3.connect, factory=Early)  # type: ignore[assignment]  # planted
    from sip2d.__main__ import main

    sys.exit(main(sys.argv[1:]))
