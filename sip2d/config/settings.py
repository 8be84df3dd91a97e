"""All sections together, and who wins where several sources say something."""

import os
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Self

from pydantic import Field, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from sip2d.config.database import DatabaseSettings
from sip2d.config.files import NESTED, credential_files
from sip2d.config.listeners import ListenerSettings
from sip2d.config.sections import (
    AdminSettings,
    HashSettings,
    JobsSettings,
    LimitsSettings,
    LoggingSettings,
    PathsSettings,
    ServiceSettings,
    SmtpSettings,
)

PREFIX: Final = "SIP2D_"


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
    smtp: SmtpSettings = SmtpSettings()
    jobs: JobsSettings = JobsSettings()

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


def credentials(environ: Mapping[str, str]) -> dict[str, Any]:
    """What credential files say for a section of ours; lower in rank than the environment."""
    return credential_files(environ, Settings.model_fields)


def _same_place(one: str, other: str) -> bool:
    anywhere = {"", "0.0.0.0", "::"}
    return one == other or one in anywhere or other in anywhere
