"""The sections without rules across options: logging, limits, hashing, pages, folders, the service."""

from typing import Literal

from pydantic import Field

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


class ServiceSettings(Section):
    """How the daemon stops and follows changes."""

    drain_timeout: float = Field(30.0, ge=0, le=600)
    """Seconds after SIGTERM in which requests in work are answered."""
    poll_interval: float = Field(1.0, ge=0.05, le=5)
    """Seconds between two looks at the database for changed terminals and settings."""
