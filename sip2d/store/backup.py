"""A copy of the database while it is in use: SQLite's online backup, pg_dump on PostgreSQL."""

import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

from sip2d.errors import ConfigurationError, StoreUnavailable
from sip2d.store.engine import fsync_folder, parse_url, sqlite_path


def backup(url: str, target: Path) -> int:
    """Write the copy, readable for its owner alone, whole or not at all; its size in bytes.

    ConfigurationError: the target exists, its folder does not, or pg_dump is missing. StoreUnavailable: it
    failed.
    """
    if target.exists():
        raise ConfigurationError(f"{target} exists already: a backup overwrites nothing.")
    folder = target.resolve().parent
    if not folder.is_dir():
        raise ConfigurationError(f"There is no folder {folder}.")
    part = folder / f".{target.name}.{os.getpid()}.part"
    try:
        part.touch(0o600, exist_ok=False)
        source = sqlite_path(url)
        if source is not None:
            _sqlite(source, part)
        else:
            _postgresql(url, part)
        os.link(part, target)  # unlike a rename it overwrites nothing
        fsync_folder(folder)
        return target.stat().st_size
    finally:
        part.unlink(missing_ok=True)


def _sqlite(source: Path, part: Path) -> None:
    reading, writing = sqlite3.connect(source), sqlite3.connect(part)
    try:
        reading.backup(writing)
        (found,) = writing.execute("PRAGMA quick_check").fetchone()
        if found != "ok":
            raise StoreUnavailable(f"the copy is damaged: {found}")
        writing.execute("PRAGMA journal_mode=DELETE")
    finally:
        reading.close()
        writing.close()
    with part.open("rb") as copy:
        os.fsync(copy.fileno())


def _postgresql(url: str, part: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise ConfigurationError("pg_dump is missing: install PostgreSQL's client programs.")
    parsed = parse_url(url)
    password = {"PGPASSWORD": parsed.password} if isinstance(parsed.password, str) else {}
    address = parsed.set(drivername="postgresql", password=None).render_as_string(hide_password=False)
    done = subprocess.run(
        [program, "--format=custom", f"--file={part}", f"--dbname={address}"],
        env={**os.environ, **password}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise StoreUnavailable(f"pg_dump: {lines[-1]}")
