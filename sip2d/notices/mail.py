"""Delivery by mail: one SMTP connection for a batch of letters, with verified TLS and a login (stdlib's
smtplib in the thread of the jobs).

A mail says that it is automatic, and carries the notice's key as its Message-ID, so that a mail sent twice
is shown once. What a person wrote into a template or a name cannot make a header of its own.
"""

import re
import smtplib
import ssl
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Final, Literal

import msgspec

from sip2d.notices.address import domain_of, named
from sip2d.notices.outbox import Fared
from sip2d.notices.template import one_line
from sip2d.store.notices import Letter

_ATEXT: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_POLICY: Final = SMTP.clone(cte_type="7bit")
"""Lines of ASCII end by end: every relay takes them."""

MOST_SECONDS: Final = 60.0
"""A slow relay keeps no batch longer: its job's lease would run out."""

MOST_BREAKS: Final = 2
"""After so many broken connections in a batch the rest of it waits."""


class Relay(msgspec.Struct, frozen=True):
    """The mail server that takes our mails. ``password`` is never shown."""

    host: str
    port: int = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    ca: Path | None = None
    username: str | None = None
    password: str | None = None
    timeout: float = 20.0

    def __repr__(self) -> str:
        return f"Relay({self.host}:{self.port}, {self.security})"


def message(letter: Letter, from_name: str, now: datetime) -> EmailMessage:
    """The mail of a letter."""
    sender = letter.sender or ""
    mail = EmailMessage(policy=_POLICY)
    mail["From"] = named(from_name, sender)
    mail["To"] = named(letter.name, letter.recipient)
    mail["Subject"] = one_line(letter.subject)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = message_id(letter.dedup_key, sender)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(letter.body, charset="utf-8", cte="quoted-printable")
    return mail


def message_id(key: str, sender: str) -> str:
    """The notice's key as a Message-ID; its digest, if it holds what may not stand there."""
    local = key if _ATEXT.fullmatch(key) and len(key) <= 60 else sha256(key.encode()).hexdigest()
    return f"<{local}@{domain_of(sender)}>"


class Session:
    """A connection to the relay, made when the first letter is sent, and again after it broke."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._server: smtplib.SMTP | None = None

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        server, self._server = self._server, None
        if server is not None:
            try:
                server.quit()
            except (smtplib.SMTPException, OSError):
                server.close()

    def send(self, mail: EmailMessage) -> None:
        """Raises SMTPException, OSError (ssl.SSLError too)."""
        server = self._server or self._connect()
        try:
            server.send_message(mail)
        except smtplib.SMTPException as fault:
            if isinstance(fault, smtplib.SMTPServerDisconnected) or _code(fault) == 421:
                self._drop()
            raise
        except OSError:
            self._drop()
            raise

    def _connect(self) -> smtplib.SMTP:
        relay = self._relay
        server: smtplib.SMTP
        try:
            if relay.security == "tls":
                place = (relay.host, relay.port)
                server = smtplib.SMTP_SSL(*place, timeout=relay.timeout, context=_context(relay))
            else:
                server = smtplib.SMTP(relay.host, relay.port, timeout=relay.timeout)
            self._server = server
            if relay.security == "starttls":
                server.starttls(context=_context(relay))
            if relay.username is not None:
                server.login(relay.username, relay.password or "")
        except (smtplib.SMTPException, OSError) as fault:
            self._drop()
            raise NotReached(_why(fault)) from None
        return server

    def _drop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()


class NotReached(OSError):
    """The relay took nothing: no connection, no TLS, no login. It is not the letter's fault."""


def _context(relay: Relay) -> ssl.SSLContext:
    """The relay must have a certificate of its name, by a known CA."""
    return ssl.create_default_context(cafile=None if relay.ca is None else str(relay.ca))


def send(relay: Relay, letters: Sequence[tuple[Letter, str]], now: datetime) -> Iterator[Fared]:
    """Send letters, each with the name it is from; how each fared, one by one.

    A fault of the relay itself, or a minute, ends the batch: the rest waits, untried. So a relay that is away
    costs one timeout, and no letter a try.
    """
    breaks, end = 0, time.monotonic() + MOST_SECONDS
    away: str | None = None
    with Session(relay) as session:
        for letter, from_name in letters:
            if away is not None or time.monotonic() > end:
                yield Fared(letter, away, tried=False)
                continue
            try:
                session.send(message(letter, from_name, now))
            except smtplib.SMTPException as fault:
                breaks += isinstance(fault, smtplib.SMTPServerDisconnected)
                yield Fared(letter, _why(fault), final=_is_final(fault))
            except ValueError:
                yield Fared(letter, "No mail can be made of it.", final=True)
            except NotReached as fault:
                away = str(fault)
                yield Fared(letter, away, tried=False)
            except OSError as fault:
                breaks += 1
                yield Fared(letter, _why(fault))
            else:
                breaks = 0
                yield Fared(letter)
            if breaks >= MOST_BREAKS:
                away = "The mail server is away."


def _code(fault: smtplib.SMTPException) -> int:
    return fault.smtp_code if isinstance(fault, smtplib.SMTPResponseException) else 0


def _is_final(fault: smtplib.SMTPException) -> bool:
    """Whether the relay refused this recipient or this text for good (5xx)."""
    if isinstance(fault, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _ in fault.recipients.values())
    return isinstance(fault, smtplib.SMTPDataError) and fault.smtp_code >= 500


def _why(fault: BaseException) -> str:
    """What to note: the relay's answer, or the kind of fault; never what we sent."""
    answer: tuple[int, bytes | str] | None = None
    if isinstance(fault, smtplib.SMTPRecipientsRefused):
        answer = next(iter(fault.recipients.values()), None)
    elif isinstance(fault, smtplib.SMTPResponseException):
        answer = (fault.smtp_code, fault.smtp_error)
    elif isinstance(fault, smtplib.SMTPNotSupportedError):
        return "The mail server offers no STARTTLS, or no login."
    elif isinstance(fault, ssl.SSLCertVerificationError):
        return f"The mail server's certificate is not accepted: {one_line(fault.verify_message)[:200]}."
    elif isinstance(fault, OSError) and fault.strerror:
        return f"The mail server cannot be reached: {one_line(fault.strerror)[:200]}."
    if answer is None:
        return f"The connection to the mail server broke ({type(fault).__name__})."
    text = answer[1].decode("utf-8", "replace") if isinstance(answer[1], bytes) else str(answer[1])
    if isinstance(fault, smtplib.SMTPAuthenticationError):
        text = "the login was refused"
    return one_line(f"{answer[0]} {text}")[:300]
