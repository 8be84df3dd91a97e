"""Real SMTP servers on loopback: plain, with STARTTLS or TLS by a CA of our own, with a login, and with the
moods of real ones."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from sip2d.notices.mail import Relay

LOGIN = ("notices", "s3cret-of-the-relay")


class Inbox:
    """What arrived; and answers to give instead of taking a mail, in order. CUT ends the connection."""

    CUT = "CUT"

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.envelopes: list[Envelope] = []
        self.moods: list[str] = []
        self.refused: dict[str, str] = {}
        self.connections = 0

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        mood = self.moods.pop(0) if self.moods else ""
        if mood == self.CUT:
            assert isinstance(server.transport, asyncio.Transport)
            server.transport.abort()
            return "250 never heard"
        if mood:
            return mood
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(message_from_bytes(content, policy=policy.default))
        self.envelopes.append(envelope)
        return "250 OK"


class _Plain(Controller):
    """On any free port: the controller must not connect to itself by the port it was given."""

    def _trigger_server(self) -> None:
        assert isinstance(self.server, asyncio.base_events.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd has no annotations


class Papers:
    """A CA, and a certificate of localhost."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA()
        self.file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.file))

    def context(self, name: str = "localhost") -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.ca.issue_cert(name).configure_cert(context)
        return context


def _checked(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == LOGIN
    return AuthResult(success=good, handled=False)


@contextmanager
def served(inbox: Inbox, **options: Any) -> Iterator[Relay]:
    """A server that fills the inbox, and the relay that leads to it."""
    implicit = "ssl_context" in options
    made = _Plain(inbox, hostname="localhost", port=0, **options)
    made.start()
    try:
        security = "tls" if implicit else "starttls" if options.get("tls_context") else "none"
        yield Relay(host="localhost", port=made.port, security=cast(Any, security), timeout=5)
    finally:
        made.stop()


def login_wanted(context: ssl.SSLContext) -> dict[str, Any]:
    """The options of a server that takes mail only after STARTTLS and a login."""
    return {
        "tls_context": context, "require_starttls": True, "authenticator": _checked, "auth_required": True,
    }  # fmt: skip
