"""Where the library is kept: a URL, with its password apart."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, SecretStr, model_validator

from sip2d.config.section import Section

SCHEMES: Final = ("sqlite", "postgresql", "postgresql+psycopg")


class DatabaseSettings(Section):
    """Where the library is kept."""

    url: str = Field("sqlite:////var/lib/sip2d/sip2d.db", repr=False)
    """`sqlite:///relative/path`, `sqlite:////absolute/path` or `postgresql://user@host/name`. The password
    belongs into the next option."""
    password: SecretStr | None = None
    """Put it into a credential file named `database__password`; it is set into the URL."""
    auto_upgrade: Literal["sqlite", "always", "never"] = "sqlite"
    """Which databases `serve` migrates at start; if another is behind, it refuses and names the command."""
    max_queue: int = Field(4096, ge=64, le=1_000_000)
    """Exchanges that may wait for the database; above it kiosks are refused at once instead of late."""
    readers: Annotated[int, Field(ge=1, le=64)] | None = None
    """Threads that read; unset: 1 on SQLite, 2 on PostgreSQL."""
    writers: Annotated[int, Field(ge=1, le=64)] | None = None
    """Threads that write, each with a connection; unset: 4 on PostgreSQL. SQLite always has exactly one."""

    @model_validator(mode="after")
    def _known_scheme(self) -> Self:
        scheme, found, _ = self.url.partition("://")
        if scheme == "postgres":
            raise ValueError("url: write postgresql:// instead of postgres://")
        if not found or scheme not in SCHEMES:
            raise ValueError(f"url: {scheme!r} is no database we know; use sqlite:/// or postgresql://")
        if scheme == "sqlite" and (
            not self.url.startswith("sqlite:///") or len(self.url) <= len("sqlite:///")
        ):
            raise ValueError("url: SQLite wants sqlite:///relative/path or sqlite:////absolute/path")
        try:
            port = urlsplit(self.url).port
        except ValueError:
            raise ValueError("url: the port is not a number") from None
        if scheme != "sqlite" and port == 0:
            raise ValueError("url: the port is not a number")
        return self

    @property
    def full_url(self) -> str:
        """The URL with the password in it: for the driver, never for a log."""
        if self.password is None or self.url.startswith("sqlite"):
            return self.url
        parts = urlsplit(self.url)
        place = parts.netloc.rpartition("@")
        user = place[0].partition(":")[0]
        secret = quote(self.password.get_secret_value(), safe="")
        return urlunsplit(parts._replace(netloc=f"{user}:{secret}@{place[2]}"))

    @property
    def safe_url(self) -> str:
        """The URL for logs: no password, no query."""
        if self.url.startswith("sqlite"):
            return self.url
        parts = urlsplit(self.url)
        user, at, place = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}{at}{place}", query=""))

    @property
    def sqlite_file(self) -> Path | None:
        """The file of a SQLite database."""
        return (
            Path(self.url.removeprefix("sqlite:///").partition("?")[0])
            if self.url.startswith("sqlite")
            else None
        )

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield "url", self.safe_url
        yield from super().__repr_args__()
