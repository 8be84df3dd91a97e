"""sip2d on a disk that a file fills, run as a script: ``full_disk.py FILE serve ...``.

While FILE exists the SQLite library may not grow by a page, and every COMMIT needs one: it fails with
SQLite's own SQLITE_FULL, as on a file system without space.
"""

import functools
import sqlite3.dbapi2
import sys
from pathlib import Path
from typing import Any

NO_LIMIT = 1 << 30


class Bounded(sqlite3.Connection):
    """A connection whose COMMITs need space."""

    full: Path

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == "COMMIT" and self.in_transaction and self.full.exists():
            super().execute("PRAGMA max_page_count=1")  # as many as there are
            try:
                super().execute("CREATE TABLE too_much AS SELECT zeroblob(8388608)")
            finally:
                super().execute(f"PRAGMA max_page_count={NO_LIMIT}")
        return super().execute(sql, *values)


if __name__ == "__main__":
    Bounded.full = Path(sys.argv[1])
    sqlite3.dbapi2.connect = functools.partial(sqlite3.connect, factory=Bounded)  # type: ignore[assignment]  # a disk
    from sip2d.__main__ import main

    sys.exit(main(sys.argv[2:]))
