"""The emulator: steps carried out one after the other over one connection, and shown.

The only door of the client's room for code that is not asynchronous (the command line).
"""

import asyncio
import re
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from types import TracebackType

import msgspec

from sip2d.client import show, words
from sip2d.client.connection import Connection
from sip2d.client.dialogue import Manner, Reply
from sip2d.client.script import Reader, Send, Step, Wait
from sip2d.client.words import Unclear
from sip2d.wire import charset
from sip2d.wire.frame import split_trailer
from sip2d.wire.messages import Request


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Which ACS, as whom, in which manner. The password is in no repr."""

    host: str
    port: int
    manner: Manner = Manner()
    tls: ssl.SSLContext | None = None
    user: str = ""
    password: str = ""
    location: str | None = None

    def __repr__(self) -> str:
        return f"Line({self.host}:{self.port}, {self.user!r})"


def stamp() -> str:
    """This moment of this machine, as a transaction date."""
    local = datetime.now().astimezone()
    return f"{local:%Y%m%d}    {local:%H%M%S}"


class Emulator:
    """A connection used one question at a time by code that is not asynchronous: command and prompt."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._runner = asyncio.Runner()
        self._connection: Connection | None = None

    def __enter__(self) -> "Emulator":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._runner.run(connection.close())
        self._runner.close()

    def connect(self) -> None:
        """Raises ``Unreachable``."""
        line = self.line
        self._connection = self._runner.run(Connection.open(line.host, line.port, line.manner, tls=line.tls))

    def login(self) -> bool:
        """Logs in where there is a user; True where there is none."""
        if not self.line.user:
            return True
        assert self._connection is not None
        return self._runner.run(
            self._connection.login(self.line.user, self.line.password, self.line.location)
        )

    def ask(self, request: Request | bytes) -> Reply:
        """The reply. Raises ``LineFault``."""
        assert self._connection is not None
        return self._runner.run(self._connection.ask(request))

    def request(self, step: Send) -> Request | bytes:
        """What a step sends. Raises ``Unclear``."""
        if step.raw:
            return charset.encode(step.raw, self.line.manner.profile.charset)
        return words.build(step.name, {**words.fitting(step.name, step.common), **step.values}, stamp())


class Teller(msgspec.Struct, frozen=True):
    """Where exchanges are shown: ``say`` prints a line, ``tell`` a word for the person."""

    say: Callable[[str], None]
    tell: Callable[[str], None]
    json: bool = False

    def exchange(self, request: Request | bytes, reply: Reply, emulator: Emulator) -> None:
        """Show one."""
        profile = emulator.line.manner.profile
        write = show.as_json if self.json else show.as_text
        self.say(write(request, reply, profile))


def perform(emulator: Emulator, steps: Iterable[Step], teller: Teller) -> bool:
    """Runs steps; whether all went well. Raises ``LineFault``, ``Unclear``."""
    well = True
    for step in steps:
        if isinstance(step, Wait):
            time.sleep(step.seconds)
        else:
            request = emulator.request(step)
            reply = emulator.ask(request)
            teller.exchange(request, reply, emulator)
            well &= judged(step, reply, emulator, teller)
    return well


def judged(step: Send, reply: Reply, emulator: Emulator, teller: Teller) -> bool:
    """Whether the answer is what was wanted; ``expect`` decides where there is one."""
    if not step.expect:
        return not show.refused(reply.response)
    profile = emulator.line.manner.profile
    body, _ = split_trailer(reply.raw, profile.delimiter.encode("latin-1", "replace"))
    if re.search(step.expect, charset.decode(body, profile.charset)):
        return True
    teller.tell(f"The answer does not match {step.expect!r}.")
    return False


def converse(emulator: Emulator, lines: Iterator[str], values: Mapping[str, str], teller: Teller) -> bool:
    """The prompt: each line is a line of a script, carried out at once. A mistake is told and changes
    nothing. Whether every ``expect`` held. Raises ``LineFault``.
    """
    reader, well = Reader(values), True
    last: tuple[Send, Reply] | None = None
    for line in lines:
        word = line.strip().lower()
        if word in ("quit", "exit"):
            break
        if word in ("help", "?"):
            teller.tell(HELP)
            continue
        try:
            step = reader.step(line)
            if isinstance(step, str):
                if last is None:
                    raise Unclear("expect follows a request")
                well &= judged(msgspec.structs.replace(last[0], expect=step), last[1], emulator, teller)
            elif isinstance(step, Send):
                request = emulator.request(step)
                reply = emulator.ask(request)
                last = (step, reply)
                teller.exchange(request, reply, emulator)
            elif step is not None:
                perform(emulator, (step,), teller)
        except Unclear as error:
            teller.tell(f"{error}.")
    return well


HELP = "\n".join(
    (
        "Write a message and its fields, for example: checkout patron=21990000000001 item=31990000000001",
        "Or a frame as it is: > 9900802.00",
        "set name=value keeps a value; expect REGEX looks at the last answer; wait SECONDS; quit.",
        "Messages: " + ", ".join(f"{name} ({code})" for code, name in words.names()),
    )
)
