"""The server of a batch: credentials made up for one run, a line to it, and what is wrong when there is none
(BR-31, BR-33, BR-34, BR-45).
"""

import secrets
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from sip2d.batch.pipeline import WIDEST, Pipeline
from sip2d.client.dialogue import LineFault, LinkBroken, Manner, NoAnswer, Unreachable
from sip2d.vocabulary import BULK_USER
from sip2d.wire.messages import AcsStatus, Login, LoginResponse, Renew, ScStatus
from sip2d.wire.profile import STANDARD, Profile

WINDOW: Final = 32
"""Against sip2d: 5 times the speed of one at a time, 16 times where an fsync takes 2 ms (`make bench`)."""
PROFILE: Final = (
    "Renew: enabled, patron authentication not required; Login: enabled; Offline mode: enabled; "
    "ACS status: enabled; Resend: enabled; retries 3, timeout 15 s"
)
"""What the branch must have (CN-5, BR-33)."""


Connect = Callable[[Callable[[], Pipeline]], Awaitable[object]]
"""Connects the SC's side that it is given, by other means than a host and a port."""


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where the batch goes. ``foreign``: not a sip2d, so one request at a time, and nothing is asked twice
    without a look first. ``resend``: ask again all the same. ``local``: the address to come from.
    ``connect``: in this very process; host and port are only said then.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    user: str = ""
    password: str = ""
    location: str | None = None
    institution: str | None = None
    local: str | None = None
    foreign: bool = False
    resend: bool = False
    window: int | None = None
    local_dates: bool = False
    profile: Profile = STANDARD
    error_detection: bool = True
    timeout: float = 15.0
    retries: int = 3
    connect: Connect | None = None

    def __repr__(self) -> str:  # the password
        return f"Server({self.host}:{self.port})"

    @property
    def width(self) -> int:
        """Requests under way at a time."""
        return max(1, min(self.window or (1 if self.foreign else WINDOW), WIDEST))

    @property
    def endpoint(self) -> str:
        """As a person reads it."""
        return f"{self.host} port {self.port}, {'TLS' if self.tls else 'plain'}"


HOST: Final = "host"
TRUST: Final = "trust"
LOGIN: Final = "login"


class Unfit(Exception):
    """No batch can be sent there. The text says what is wrong; ``mend`` are the commands that mend it,
    ``about`` which of its details may be wrong: HOST, TRUST, LOGIN, or none of them.
    """

    def __init__(self, text: str, *mend: str, about: str = "") -> None:
        super().__init__(text)
        self.mend = mend
        self.about = about


class Credentials(msgspec.Struct, frozen=True):
    """A user name and a password made up for one run (CN-11). Its repr has no password."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.user})"


def credentials() -> Credentials:
    """New ones: 20 and 32 characters by chance, URL-safe."""
    return Credentials(f"{BULK_USER}{secrets.token_urlsafe(15)}", secrets.token_urlsafe(24))


def local_address(host: str, port: int) -> str:
    """The address this machine would come from; behind NAT the server sees another (`terminal refused`)."""
    try:
        family, kind, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(place)
            return str(probe.getsockname()[0])
    except OSError:
        return "unknown"


def admit(local: str, user: str, branch: str | None = None) -> str:
    """The command that admits the tool (CN-11); a branch that was not said is the administrator's to name."""
    place = f"--branch {branch or 'BRANCH'}"
    return f"sip2d terminal upsert --ip {local} --username {user} --password-stdin {place} --expires-in 4h"


def end_notice(local: str) -> str:
    """What to do afterwards (BR-45, CN-12)."""
    return (
        "The login of this run is of no use any more. Turn it off:\n"
        f"  sip2d terminal disable bulk-{local}\n"
        "(the name that `terminal upsert` said; `sip2d terminal list` has all of them)"
    )


async def line(server: Server) -> tuple[Pipeline, AcsStatus]:
    """A line that is logged in and may renew, and what the server says of itself (BR-34). ``Unfit``."""
    manner = Manner(
        profile=server.profile, error_detection=server.error_detection, timeout=server.timeout,
        retries=server.retries, window=server.width,
    )  # fmt: skip
    try:
        if server.connect is not None:
            opened: object = await server.connect(lambda: Pipeline(manner))
        else:
            opened = await Pipeline.open(server.host, server.port, manner, tls=server.tls, local=server.local)
    except Unreachable as fault:
        raise _no_connection(server, fault) from None
    assert isinstance(opened, Pipeline)
    try:
        status = await _greet(opened, server)
        _check(status, server)
    except BaseException:
        opened.abort()
        raise
    return opened, status


def looks_foreign(status: AcsStatus) -> bool:
    """Whether a 98 is one that sip2d never sends: it has all of version, BX, AM and AN."""
    known = status.protocol_version == "2.00" and status.library_name and status.terminal_location
    return not known or len(status.supported_messages or "") != 16


async def _greet(opened: Pipeline, server: Server) -> AcsStatus:
    local = server.local or local_address(server.host, server.port)
    try:
        if server.user:
            reply = await opened.ask(Login("0", "0", server.user, server.password, server.location))
            if not (isinstance(reply.response, LoginResponse) and reply.response.ok):
                raise Unfit(
                    f"The server refuses the login of {server.user}: user name or password are not those of "
                    f"the entry for {local}, or its branch is not configured or another.",
                    admit(local, server.user, server.location),
                    f"sip2d terminal test --from {local} --user {server.user}",
                    about=LOGIN,
                )
        reply = await opened.ask(ScStatus("0", 999, "2.00"))
    except LinkBroken:
        plain = "" if server.tls else ", or its entry requires TLS (--tls)"
        raise Unfit(
            f"The server closed the connection: it does not know the address {local}{plain}.",
            admit(local, server.user or "USER", server.location),
            "sip2d terminal refused",
        ) from None
    except NoAnswer:
        raise Unfit(
            f"{server.endpoint} takes connections but does not speak SIP2, or expects "
            f"{'no TLS' if server.tls else 'TLS'}.",
            about=HOST,
        ) from None
    except LineFault as fault:
        raise Unfit(f"{server.endpoint}: {fault}.") from None
    if not isinstance(reply.response, AcsStatus):
        raise Unfit(f"{server.endpoint} does not say its status (98).", _preset(server, None))
    return reply.response


def _no_connection(server: Server, fault: Unreachable) -> Unfit:
    text = f"{str(fault).rstrip('.')}."
    if "TLS failed" not in text:
        silent = " If it speaks no TLS, say --plain." if server.tls and "not answer" in text else ""
        return Unfit(f"{text} Is the host right, and the port (sip2d: 6443 with TLS)?{silent}", about=HOST)
    if "VERIFY" in text.upper():
        text = f"{text} Its certificate is not one to trust: name its authority with --ca-file."
        return Unfit(text, about=TRUST)
    return Unfit(f"{text} Does this port speak TLS at all? Without, it is --plain.", about=HOST)


def _check(status: AcsStatus, server: Server) -> None:
    wrong: list[str] = []
    if not status.online:
        wrong.append("it is not on line (is the branch configured?)")
    if not status.offline_ok:
        wrong.append("it takes no offline transactions (Offline mode)")
    supported = status.supported_messages or ""
    if supported[Renew.bit : Renew.bit + 1] == "N" or (not supported and not status.renewal_policy):
        wrong.append("it does not renew (Renew)")
    if wrong:
        raise Unfit(
            f"The branch is not set up for bulk renewals: {', '.join(wrong)}. It needs: {PROFILE}.",
            _preset(server, status),
        )


def _preset(server: Server, status: AcsStatus | None) -> str:
    place = server.location or (status.terminal_location if status else None) or "BRANCH"
    return f"sip2d branch preset bulk-renewal --branch {place}"


def misconfigured(code: str, message: str, server: Server, status: AcsStatus) -> Unfit:
    """The very first row was refused as every other would be (BR-17)."""
    why = (
        "renewing asks for the patron's PIN there, which no sheet has"
        if code == "PATRON_BAD_PIN"
        else f"{message or code}".rstrip(".")
    )
    return Unfit(f"The server refuses every row: {why}. It needs: {PROFILE}.", _preset(server, status))
