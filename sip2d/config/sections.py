"""The sections without rules across options: logging, limits, hashing, pages, folders, the service."""

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from sip2d.config.listeners import is_loopback
from sip2d.config.section import File, Port, Seconds, Section


class LoggingSettings(Section):
    """What is told, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level that is written. Live on SIGHUP."""
    format: Literal["auto", "json", "text"] = "auto"
    """`auto`: text on a terminal, JSON lines otherwise, with the priority in front under journald."""
    mask: bool = True
    """Patrons' and items' barcodes appear as `…4821`. PINs and passwords never appear."""
    access: str = "stderr"
    """Where the record of every exchange goes: `stderr`, `off` or a file's path (opened again on SIGHUP)."""


class LimitsSettings(Section):
    """What one peer, and all together, may use. Live on SIGHUP for new connections."""

    connections: int = Field(4096, ge=1, le=100_000)
    """Open connections altogether."""
    per_address: int = Field(1024, ge=1, le=100_000)
    """Open connections of one address; terminals have quotas of their own besides."""
    frame_bytes: int = Field(8192, ge=512, le=65_536)
    """Longest message taken."""
    login_timeout: Seconds = 30.0
    """A connection that is not logged in after so many seconds is closed."""
    frame_timeout: Seconds = 10.0
    """Half a message older than this closes the connection."""
    handshake_timeout: Seconds = 10.0
    """For a TLS handshake."""
    proxy_timeout: float = Field(5.0, ge=3, le=60)
    """For the PROXY header."""
    window: int = Field(64, ge=1, le=1024)
    """Requests of one connection in work at a time; above it reading pauses."""


class HashSettings(Section):
    """Password and PIN checks (argon2id), away from the event loop."""

    workers: int = Field(2, ge=1, le=16)
    """Threads that hash."""
    queue: int = Field(64, ge=1, le=10_000)
    """Checks that may wait; above it a request is refused as busy."""
    cache_seconds: float = Field(300.0, ge=0, le=300)
    """How long a verified PIN is remembered, in memory and keyed; 0 never."""
    cache_size: int = Field(8192, ge=1, le=1_000_000)
    """How many are remembered."""
    failures: int = Field(5, ge=1, le=1000)
    """Wrong PINs of one patron at one terminal before that pair is refused without a check."""
    failures_anywhere: int = Field(20, ge=1, le=10_000)
    """The same for one patron at all terminals together."""
    failure_window: Seconds = 900.0
    """Seconds after which wrong PINs are forgotten."""


class AdminSettings(Section):
    """Health and metrics over HTTP: /livez /readyz /metrics. Keep it on loopback or a monitoring network."""

    host: str = "127.0.0.1"
    """Address to bind."""
    port: Port = 9109
    """TCP port; 0 takes any free one."""


class PathsSettings(Section):
    """Folders that replace those of the package."""

    profiles: File | None = None
    """Folder of vendor profiles, one TOML file each."""
    messages: File | None = None
    """Folder of screen texts, one TOML file per language."""
    notices: File | None = None
    """Folder of notice templates, one TOML file per language."""
    letters: File | None = None
    """Folder for letters to print, one text file a day and branch; unset: they wait in the outbox."""


class SmtpSettings(Section):
    """The mail server that takes the notices to patrons. Without a host mails wait in the outbox, a week at
    most."""

    host: str = ""
    """Host name, as in its certificate."""
    port: Port = 587
    """TCP port: 587 for `starttls`, 465 for `tls`, 25 for a relay of the house."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is protected. With `starttls` and `tls` the server's certificate is verified."""
    ca: File | None = None
    """CA of the server's certificate, PEM; unset: those of the system."""
    username: str | None = None
    """For a server that wants a login."""
    password: SecretStr | None = None
    """Put it into a credential file named `smtp__password`."""
    timeout: float = Field(20.0, ge=1, le=60)
    """Seconds to wait for each answer of the server."""

    @model_validator(mode="after")
    def _password_in_clear(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("a login has a username and a password")
        if self.password is not None and self.security == "none" and not is_loopback(self.host):
            raise ValueError("a password is not sent without TLS, but to this machine itself")
        return self


class JobsSettings(Section):
    """The scheduler of nightly, hourly and minute jobs: fines, notices, blocks, snapshots."""

    enabled: bool = True
    """Whether this daemon runs jobs. Of several daemons on one database each job is run by one; say false
    where `sip2d jobs run` is started by timers instead."""


class ServiceSettings(Section):
    """How the daemon stops and follows changes."""

    drain_timeout: float = Field(30.0, ge=0, le=600)
    """Seconds after SIGTERM in which requests in work are answered."""
    poll_interval: float = Field(1.0, ge=0.05, le=5)
    """Seconds between two looks at the database for changed terminals and settings."""
