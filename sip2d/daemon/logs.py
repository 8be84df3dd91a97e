"""Events: structlog with stable names, the standard library's loggers through the same pipeline.

JSON lines, or text on a terminal; the journal's priority in front under journald. Secrets are dropped by
key, barcodes masked (issue 7.1). What happens per exchange goes to ``access_log`` instead: a line here costs
more than the exchange.
"""

import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, Final, TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from sip2d.config import LoggingSettings

SECRET_KEYS: Final = frozenset(
    {"pin", "password", "secret", "ad", "ac", "co", "patron_password", "terminal_password", "login_password"}
    | {"stored", "password_hash", "token"}
)
BARCODE_KEYS: Final = frozenset(
    {"patron", "item", "barcode", "patron_barcode", "item_barcode", "patron_identifier", "item_identifier"}
    | {"aa", "ab"}
)
SHOWN: Final = 4
DEEPEST: Final = 6
PRIORITIES: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
QUIET: Final = ("aiosqlite", "alembic", "asyncio", "uvicorn")


def mask(barcode: str) -> str:
    """The last four characters, and never more than half of it."""
    if len(barcode) >= 2 * SHOWN:
        return "…" + barcode[-SHOWN:]
    return "…" + barcode[(len(barcode) + 1) // 2 :]


def masking(enabled: bool) -> Processor:
    """The processor that drops secrets, and masks barcodes when ``enabled``."""

    def clean(value: object, depth: int) -> object:
        if depth > DEEPEST:
            return "…"
        if isinstance(value, Mapping):
            return {
                key: clean_item(str(key), inner, depth)
                for key, inner in value.items()
                if str(key).lower() not in SECRET_KEYS
            }
        if isinstance(value, list | tuple):
            return [clean(inner, depth + 1) for inner in value]
        return value

    def clean_item(key: str, value: object, depth: int) -> object:
        if enabled and key.lower() in BARCODE_KEYS:
            return mask(value) if isinstance(value, str) else "…"
        return clean(value, depth + 1)

    def processor(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
        return {
            key: value if key.startswith("_") else clean_item(key, value, 0)
            for key, value in event.items()
            if key.lower() not in SECRET_KEYS
        }

    return processor


def under_journald(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Is this stream the one systemd connected to the journal (``$JOURNAL_STREAM`` is its device and
    inode)?"""
    try:
        stat = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{stat.st_dev}:{stat.st_ino}"


class _Prefixed:
    """JSON with the priority journald reads off the front of a line."""

    def __init__(self) -> None:
        self._json = structlog.processors.JSONRenderer(ensure_ascii=False)

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> str:
        priority = PRIORITIES.get(str(event.pop("level", name)), 6)
        event.pop("timestamp", None)  # the journal has its own
        rendered = self._json(logger, name, event)
        return f"<{priority}>{rendered if isinstance(rendered, str) else rendered.decode()}"


def _renderer(settings: LoggingSettings, stream: TextIO, environ: Mapping[str, str]) -> Processor:
    if settings.format == "text" or (settings.format == "auto" and stream.isatty()):
        return structlog.dev.ConsoleRenderer(colors=stream.isatty())
    if settings.format == "auto" and under_journald(stream, environ):
        return _Prefixed()
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def configure(
    settings: LoggingSettings, stream: TextIO | None = None, environ: Mapping[str, str] | None = None
) -> None:
    """Set logging up for the process; may be called again."""
    stream = sys.stderr if stream is None else stream
    environ = os.environ if environ is None else environ
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        masking(settings.mask),
    ]
    renderer = _renderer(settings, stream, environ)
    if isinstance(renderer, structlog.dev.ConsoleRenderer):
        shared.remove(structlog.processors.format_exc_info)  # it prints exceptions itself
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    set_level(settings.level)


def set_level(level: str) -> None:
    """Live: the lowest level that is written."""
    logging.getLogger().setLevel(level.upper())


def get(name: str) -> Any:
    """A logger of events: ``log.info("config.reloaded", source="SIGHUP")``."""
    return structlog.stdlib.get_logger(name)


def place_of(fault: BaseException | None) -> str:
    """``file:line`` of the place a fault came from."""
    trace = fault.__traceback__ if fault is not None else None
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
