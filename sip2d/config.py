"""The settings of the machine: sockets, TLS, database, logging, limits. One frozen model per TOML section.

The text below an option is its manual entry; ``config/sip2d.toml`` is generated from here (``sample``). What
staff decide (branches, terminals, rules) is not here but in the database.

Who wins, first to last: a flag, ``SIP2D_SECTION__OPTION`` in the environment, credential files
(``$CREDENTIALS_DIRECTORY``, else ``$SIP2D_SECRETS_DIR``; named ``section__option``), ``conf.d/*.toml``
beside the configuration file in name order, the file, the defaults.
"""

import difflib
import ipaddress
import json
import os
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from sip2d.errors import ConfigurationError

DEFAULT_FILE: Final = Path("/etc/sip2d/sip2d.toml")
PREFIX: Final = "SIP2D_"
NESTED: Final = "__"
NOT_OPTIONS: Final = frozenset({"SIP2D_SECRETS_DIR", "SIP2D_NO_SKIP"})
SCHEMES: Final = ("sqlite", "postgresql", "postgresql+psycopg")
SECRET_MOST: Final = 16 * 1024

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


def _expanded(value: object) -> object:
    return os.path.expandvars(value) if isinstance(value, str) else value


File = Annotated[Path, BeforeValidator(_expanded)]


class Section(BaseModel):
    """What every section has in common: frozen, unknown keys refused, no input in an error's text."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True
    )


class TlsSettings(Section):
    """Certificate and key of a TLS listener. `$NAME` in a path is replaced from the environment, for instance
    `$CREDENTIALS_DIRECTORY/tls.key`."""

    cert: File
    """Certificate chain, PEM."""
    key: File | None = None
    """Private key, PEM without a passphrase; absent when it stands in the certificate's file."""
    client_ca: File | None = None
    """CA of client certificates, PEM. With it kiosks are asked for one; a terminal may have its own
    pinned."""
    client_certificates: Literal["optional", "required"] = "optional"
    """Whether a kiosk without a certificate gets through the handshake; only with client_ca."""


class ListenerSettings(Section):
    """An address kiosks connect to. Repeat the table for each; in conf.d a table of the same name changes
    only what it says."""

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9_.-]+$")
    """Its name in metrics and logs."""
    host: str = "127.0.0.1"
    """Address or host name to bind."""
    port: Port = 6001
    """TCP port; 0 takes any free one."""
    allow_plain: bool = False
    """Must be true for a listener without TLS on an address other than loopback: PINs cross that network in
    clear."""
    proxy_protocol: Literal["off", "require"] = "off"
    """`require`: every connection starts with a PROXY header, version 1 or 2, read before TLS."""
    trusted_proxies: tuple[Network, ...] = ()
    """Addresses or networks whose PROXY header is believed; anybody else is closed."""
    profile: str = "standard"
    """Dialect before login, when the terminals of the peer's address do not agree on one."""
    tls: TlsSettings | None = None
    """Certificate and key; without this table the listener speaks plain TCP."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.tls is None and not self.allow_plain and not is_loopback(self.host):
            raise ValueError(
                f"listener {self.name!r} would speak plain TCP on {self.host}, which is not loopback; "
                "give it a [listeners.tls] table or say allow_plain = true"
            )
        if self.proxy_protocol == "require" and not self.trusted_proxies:
            raise ValueError(f"listener {self.name!r} requires the PROXY protocol but trusts no proxy")
        return self


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


class Settings(BaseSettings):
    """All of it. Build it with ``load``."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, env_nested_delimiter=NESTED,
        use_attribute_docstrings=True, hide_input_in_errors=True,
    )  # fmt: skip
    listeners: tuple[ListenerSettings, ...] = Field(
        (ListenerSettings.model_construct(name="plain"),), min_length=1
    )
    database: DatabaseSettings = DatabaseSettings()
    logging: LoggingSettings = LoggingSettings()
    limits: LimitsSettings = LimitsSettings()
    hash: HashSettings = HashSettings()
    admin: AdminSettings = AdminSettings()
    paths: PathsSettings = PathsSettings()
    service: ServiceSettings = ServiceSettings()

    located: ClassVar[Mapping[str, Any]] = {}  # what the files say; ``load`` sets it on a class of its own

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (
            init_settings,
            EnvSettingsSource(settings_cls),
            InitSettingsSource(settings_cls, credentials(os.environ)),
            InitSettingsSource(settings_cls, dict(cls.located)),
        )

    @model_validator(mode="after")
    def _apart(self) -> Self:
        names = [listener.name for listener in self.listeners]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two listeners are named {name!r}")
        taken: list[tuple[str, str, int]] = [("admin", self.admin.host, self.admin.port)]
        for listener in self.listeners:
            for name, host, port in taken:
                if port and port == listener.port and _same_place(host, listener.host):
                    raise ValueError(f"{name!r} and listener {listener.name!r} both want port {port}")
            taken.append((listener.name, listener.host, listener.port))
        return self


def is_loopback(host: str) -> bool:
    """Does only this machine reach it? A name other than ``localhost`` is not trusted to be so."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _same_place(one: str, other: str) -> bool:
    anywhere = {"", "0.0.0.0", "::"}
    return one == other or one in anywhere or other in anywhere


# -- sources -----------------------------------------------------------------------------------------------


def merge(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    """``high`` over ``low``, table by table; arrays of tables that have a ``name`` are merged by it (T12)."""
    merged = dict(low)
    for key, value in high.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[key] = merge(before, value)
        elif _named(before) and _named(value):
            tables = {table["name"]: table for table in typing.cast("list[dict[str, Any]]", before)}
            for table in typing.cast("list[dict[str, Any]]", value):
                tables[table["name"]] = merge(tables.get(table["name"], {}), table)
            merged[key] = list(tables.values())
        else:
            merged[key] = value
    return merged


def _named(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(t, dict) and "name" in t for t in value)


def read_files(path: Path | None) -> dict[str, Any]:
    """What the file and its conf.d say. ``path`` None: the default file, which need not exist.

    Raises ConfigurationError.
    """
    file = DEFAULT_FILE if path is None else path
    if path is not None and not file.is_file():
        raise ConfigurationError(f"{file}: there is no such file.")
    found = [file] if file.is_file() else []
    found += sorted((file.parent / "conf.d").glob("*.toml"))
    said: dict[str, Any] = {}
    for one in found:
        said = merge(said, _toml(one))
    return said


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: is not TOML ({error}).") from None


def credentials(environ: Mapping[str, str]) -> dict[str, Any]:
    """What credential files say: ``database__password`` is ``password`` of ``[database]``. Others are not
    ours."""
    folder = environ.get("CREDENTIALS_DIRECTORY") or environ.get("SIP2D_SECRETS_DIR")
    said: dict[str, Any] = {}
    if not folder or not Path(folder).is_dir():
        return said
    for file in sorted(Path(folder).iterdir()):
        section, nested, option = file.name.lower().partition(NESTED)
        if (
            nested
            and section in Settings.model_fields
            and file.is_file()
            and file.stat().st_size <= SECRET_MOST
        ):
            said.setdefault(section, {})[option] = file.read_text(encoding="utf-8").rstrip("\r\n")
    return said


def load(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings in force. ``overrides`` are the flags, nested as in TOML.

    Raises ConfigurationError with one sentence.
    """
    said = read_files(path)
    try:
        return _located(said, overrides)
    except ValidationError as error:
        raise ConfigurationError(_sentence(error.errors(include_input=False)[0])) from None
    except ValueError as error:  # pydantic-settings: a list in the environment that is no JSON
        raise ConfigurationError(f"{str(error).rstrip('.')}.") from None


def _located(said: Mapping[str, Any], overrides: Mapping[str, Any] | None) -> Settings:
    """The settings, with what the files said below the other sources."""
    located = types.new_class("Settings", (Settings,), {}, lambda body: body.update(located=said))
    settings: Settings = located(**dict(overrides or {}))
    return settings


def _sentence(error: Mapping[str, Any]) -> str:
    """One pydantic error for a person; never the value, which may be a secret."""
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{place}: there is no such option{_suggest(str(error['loc'][-1]), _siblings(error['loc']))}."
    text = str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {text}." if place else f"{text}."


def _suggest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?".rstrip("?") if close else ""


def _siblings(place: tuple[str | int, ...]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in place[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_of(model.model_fields[part]) or model
    return list(model.model_fields)


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    """The section behind a field: ``X``, ``X | None`` or ``tuple[X, ...]``."""
    for kind in (field.annotation, *typing.get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


# -- findings ----------------------------------------------------------------------------------------------


def check(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> list[str]:
    """Everything wrong with the configuration, a sentence each; empty means ``serve`` would take it."""
    try:
        said = read_files(path)
    except ConfigurationError as error:
        return [str(error)]
    findings = list(unknown_variables(os.environ))
    try:
        settings = _located(said, overrides)
    except ValidationError as error:
        return findings + [_sentence(one) for one in error.errors(include_input=False)]
    except ValueError as error:
        return [*findings, f"{str(error).rstrip('.')}."]
    return findings + list(missing_files(settings))


def unknown_variables(environ: Mapping[str, str]) -> Iterator[str]:
    """``SIP2D_*`` names that set nothing (pydantic-settings does not tell, T12)."""
    known = {f"{PREFIX}{'__'.join(place)}".upper() for place, _ in options(Settings)}
    known |= {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known | NOT_OPTIONS:
            yield f"{name}: there is no such variable{_suggest(name, sorted(known))}."


def options(model: type[BaseModel]) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every option below a model with its place; not those in arrays of tables: no variable can name them."""
    for name, field in model.model_fields.items():
        section = _model_of(field)
        if section is None:
            yield (name,), field
        elif typing.get_origin(field.annotation) is not tuple:
            yield from (((name, *place), option) for place, option in options(section))


def missing_files(settings: Settings) -> Iterator[str]:
    """Files and folders named and not there, or not readable."""
    for listener in settings.listeners:
        if listener.tls is not None:
            for option in ("cert", "key", "client_ca"):
                file: Path | None = getattr(listener.tls, option)
                if file is not None:
                    yield from _readable(f"listener {listener.name!r}, tls.{option}", file)
    for option in ("profiles", "messages"):
        folder: Path | None = getattr(settings.paths, option)
        if folder is not None and not folder.is_dir():
            yield f"paths.{option}: {folder} is not a folder."
    file = settings.database.sqlite_file
    if file is not None and not file.absolute().parent.is_dir():
        yield f"database.url: the folder {file.absolute().parent} does not exist."
    if settings.logging.access not in ("stderr", "off") and not Path(settings.logging.access).parent.is_dir():
        yield f"logging.access: the folder {Path(settings.logging.access).parent} does not exist."


def _readable(option: str, file: Path) -> Iterator[str]:
    if not file.is_file():
        yield f"{option}: {file} does not exist."
    elif not os.access(file, os.R_OK):
        yield f"{option}: {file} may not be read by this user."


# -- the sample --------------------------------------------------------------------------------------------


def sample() -> str:
    """``config/sip2d.toml``: every option with its manual entry and its default, commented out."""
    lines = [
        "# sip2d's configuration. Every option stands here with its default; take the # away to change one.",
        "# As variables: SIP2D_LIMITS__CONNECTIONS=100. Files in conf.d/ beside this one are laid over it.",
        "# Try it with: sip2d check-config --config FILE",
    ]
    for name, field in Settings.model_fields.items():
        section = _model_of(field)
        assert section is not None
        repeated = typing.get_origin(field.annotation) is tuple
        lines += ["", *_wrapped(section.__doc__ or "", "## "), f"[[{name}]]" if repeated else f"[{name}]"]
        if repeated:
            lines[-1] = "#" + lines[-1]
        lines += _sample_section(section, name, "plain" if repeated else None)
    return "\n".join(lines) + "\n"


def _sample_section(model: type[BaseModel], place: str, title: str | None) -> list[str]:
    lines: list[str] = []
    for name, field in model.model_fields.items():
        section = _model_of(field)
        if section is not None:
            lines += ["", *_wrapped(section.__doc__ or "", "## "), f"#[{place}.{name}]"]
            lines += _sample_section(section, f"{place}.{name}", None)
            continue
        lines += _wrapped(field.description or "", "# ")
        value = title if name == "name" and title else field.get_default()
        unset = value is None or (field.is_required() and not title)
        lines.append(f"#{name} =" if unset else f"#{name} = {_toml_value(value)}")
    return lines


def _toml_value(value: object) -> str:
    if isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False)
    return "[]" if value == () else str(value)


def _wrapped(text: str, mark: str) -> list[str]:
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) > 96:
            lines.append(mark + line)
            line = ""
        line += (" " if line else "") + word
    return [*lines, mark + line]
