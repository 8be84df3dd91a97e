"""Who runs a command, on which database: opens the store, runs one piece of staff's work, prints what came
of it.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sip2d.cli.show import Format, Record, show

if TYPE_CHECKING:
    from sip2d.config import Settings
    from sip2d.desk.staff.accounts import Identity
    from sip2d.desk.staff.work import Work
    from sip2d.store.executor import Store

T = TypeVar("T")


class Caller:
    """See the module. One a command; `now` is the moment it began."""

    def __init__(
        self, config: Path | None, database: str | None, login: str | None, form: Format = Format.TABLE
    ) -> None:
        self.config = config
        self.database = database
        self.login = login
        self.form = form
        self.now = datetime.now(UTC).replace(microsecond=0)

    @property
    def overrides(self) -> dict[str, Any]:
        """The flags, nested like the configuration file."""
        return {"database": {"url": self.database}} if self.database else {}

    def settings(self) -> "Settings":
        """The settings in force. ConfigurationError."""
        from sip2d import config

        return config.load(self.config, self.overrides)

    def url(self) -> str:
        """The database's URL with its password: for the store, never to print."""
        return self.settings().database.full_url

    @contextmanager
    def store(self) -> Iterator["Store"]:
        """The store, of a database that is there and up to date (ConfigurationError)."""
        from sip2d.errors import ConfigurationError
        from sip2d.store import migrate
        from sip2d.store.engine import sqlite_path
        from sip2d.store.executor import Store

        url = self.url()
        file = sqlite_path(url)
        if file is not None and not file.exists():
            raise ConfigurationError(f"There is no database {file} yet: `sip2d db upgrade` makes it.")
        with reached():
            migrate.require_current(url)
        with Store.open(url) as store:
            yield store

    def identity(self) -> "Identity":
        """Who this is on this machine, and whether the database is his."""
        from sip2d.desk.staff.accounts import Identity
        from sip2d.store.engine import sqlite_path

        file = sqlite_path(self.url())
        owns = file is None or not file.exists() or _owns(file)
        return Identity(os_user(), self.login, root=_is_root(), owns=owns)

    def read(self, name: str, job: Callable[["Work"], T]) -> T:
        """Run a job that only reads."""
        return self._run(name, False, job)

    def write(self, name: str, job: Callable[["Work"], T], *, makes_account: bool = False) -> T:
        """Run a job that changes something, in one transaction; a denial is audited (GN-7).

        In a database without staff accounts the owner gets his first; but not from ``makes_account``, the
        command that makes one itself.
        """
        from sip2d.desk.staff import accounts

        def work(work: "Work") -> T:
            if work.staff.id is not None or makes_account:
                return job(work)
            first = accounts.first_account(work, os_user())
            value = job(first)
            tell(
                f"This database had no staff yet: made the account {first.staff.login!r}, GENERAL_SYS_ADMIN."
            )
            return value

        return self._run(name, True, work)

    def _run(self, name: str, writes: bool, job: Callable[["Work"], T]) -> T:
        from sip2d.desk.staff import accounts
        from sip2d.desk.staff.work import Denied, Work, denied
        from sip2d.errors import StoreUnavailable

        with self.store() as store:
            try:
                with store.unit(name, writes) as unit:
                    return job(Work(unit, accounts.identify(unit, self.identity()), self.now))
            except Denied as refusal:
                with suppress(StoreUnavailable), store.unit("staff.denied") as unit:
                    denied(unit, refusal.denial, self.now)
                raise

    def show(self, found: Record | Sequence[Record]) -> None:
        """Print on stdout, in the format asked for."""
        show(found, self.form)


@contextmanager
def reached() -> Iterator[None]:
    """A database that cannot be asked outside a unit (migrations) is a StoreUnavailable too."""
    from sip2d.errors import StoreUnavailable
    from sip2d.store.link import is_database_fault

    try:
        yield
    except Exception as fault:
        if not is_database_fault(fault):
            raise
        raise StoreUnavailable(type(fault).__name__) from fault


def os_user() -> str:
    """The name of the user of this machine; the number where there is none (containers)."""
    if sys.platform == "win32":
        return os.getlogin()
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _is_root() -> bool:
    return sys.platform != "win32" and os.geteuid() == 0


def _owns(file: Path) -> bool:
    """On Windows files have no owner that Python could tell: there it is who may write."""
    if sys.platform == "win32":
        return os.access(file, os.W_OK)
    return _is_root() or os.geteuid() == file.stat().st_uid


def tell(sentence: str) -> None:
    """A word for the person, on stderr: stdout is for what was asked."""
    print(sentence, file=sys.stderr)


def said(**values: Any) -> dict[str, Any]:
    """The options that were given, without those that were not."""
    return {key: value for key, value in values.items() if value is not None}


def pairs(words: Sequence[str], form: str = "NAME=VALUE") -> Mapping[str, str]:
    """Arguments of the form NAME=VALUE by name."""
    import typer

    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{word!r} is not of the form {form}")
        if name in found:
            raise typer.BadParameter(f"{name} is given twice")
        found[name] = value
    return found
