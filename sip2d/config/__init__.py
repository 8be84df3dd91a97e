"""The settings of the machine: sockets, TLS, database, logging, limits. One frozen model per TOML section.

The text below an option is its manual entry; ``config/sip2d.toml`` is generated from here (``sample``). What
staff decide (branches, terminals, rules) is not here but in the database.

Who wins, first to last: a flag, ``SIP2D_SECTION__OPTION`` in the environment, credential files
(``$CREDENTIALS_DIRECTORY``, else ``$SIP2D_SECRETS_DIR``; named ``section__option``), ``conf.d/*.toml``
beside the configuration file in name order, the file, the defaults.
"""

from sip2d.config.database import SCHEMES, DatabaseSettings
from sip2d.config.files import DEFAULT_FILE, NESTED, SECRET_MOST, merge, read_files
from sip2d.config.findings import NOT_OPTIONS, check, missing_files, unknown_variables
from sip2d.config.listeners import ListenerSettings, TlsSettings, is_loopback
from sip2d.config.loading import load
from sip2d.config.manual import sample
from sip2d.config.section import File, Network, Port, Seconds, Section
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
from sip2d.config.settings import PREFIX, Settings, credentials
from sip2d.config.shape import options

__all__ = [
    "DEFAULT_FILE",
    "NESTED",
    "NOT_OPTIONS",
    "PREFIX",
    "SCHEMES",
    "SECRET_MOST",
    "AdminSettings",
    "DatabaseSettings",
    "File",
    "HashSettings",
    "JobsSettings",
    "LimitsSettings",
    "ListenerSettings",
    "LoggingSettings",
    "Network",
    "PathsSettings",
    "Port",
    "Seconds",
    "Section",
    "ServiceSettings",
    "Settings",
    "SmtpSettings",
    "TlsSettings",
    "check",
    "credentials",
    "is_loopback",
    "load",
    "merge",
    "missing_files",
    "options",
    "read_files",
    "sample",
    "unknown_variables",
]
