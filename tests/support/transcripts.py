"""Transcripts: what a kiosk says and must hear, written down in ``tests/transcripts/*.sip``.

A line begins with what it is::

    # why, with the rules it proves
    @directive words            changes the world, the clock or the connection
    > 9900802.00AY1AZ           a request; AZ at its end is completed with the right sum
    < 98YYYYYY150003{now}2.00AOMAIN|*AY1AZ
    <-                          no answer to what was asked last
    <!                          the ACS closed the connection

In an answer ``{now}`` is the local stamp of the clock and ``*`` anything but a delimiter; AZ at its end is
the right sum. ``\\xNN`` is a byte, both ways. Everything else is literal, the terminator (``@terminator``)
included.

Directives: ``@library main``; ``@at ISO ZONE``; ``@advance N UNIT``; ``@connect TERMINAL``; ``@reconnect``;
``@restart`` (of the server, on the same database); ``@charset NAME``; ``@terminator CR|CRLF``; and those of
``WORLD``, which change the database as staff would.
"""

import re
import shlex
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection as Core
from sqlalchemy import Table, insert, update

from sip2d.daemon.pins import hash_secret
from sip2d.store import epoch, tables
from sip2d.store.executor import Store
from sip2d.wire.frame import checksum
from sip2d.wire.kinds import stamp
from tests.support import library, members
from tests.support.library import NOW, World

FOLDER: Final = Path(__file__).resolve().parents[1] / "transcripts"
TERMINATORS: Final = {"CR": b"\r", "CRLF": b"\r\n"}
_BYTE = re.compile(r"\\x([0-9a-fA-F]{2})")


class Line(msgspec.Struct, frozen=True):
    """One line of a transcript; ``kind`` is ``@``, ``>``, ``<``, ``<-`` or ``<!``."""

    number: int
    kind: str
    text: str


def read(file: Path) -> list[Line]:
    """The lines of a file. ValueError for one that is none."""
    lines = []
    for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not text or text.startswith("#"):
            continue
        kind = text[:2] if text in ("<-", "<!") else text[:1]
        if kind not in ("@", ">", "<", "<-", "<!") or (kind in "><" and text[1:2] != " "):
            raise ValueError(f"{file.name}:{number}: {text!r} is no line of a transcript")
        lines.append(Line(number, kind, text[1:] if kind == "@" else text[2:]))
    return lines


class Clock:
    """The server's time; stands until told."""

    def __init__(self) -> None:
        self.now = NOW
        self.zone = ZoneInfo("Europe/Paris")

    def __call__(self) -> datetime:
        return self.now

    @property
    def stamp(self) -> str:
        """18 characters, local."""
        return stamp(self.now, self.zone)


class Place(Protocol):
    """Where a transcript is played: a server on a database, and one connection to it."""

    @property
    def store(self) -> Store:
        """The server's."""

    async def connect(self, terminal: str) -> None:
        """A new connection, from that terminal's address; an open one ends."""

    async def restart(self) -> None:
        """The server ends and starts again on the same database."""

    async def changed(self) -> None:
        """Staff changed the library."""

    async def send(self, data: bytes) -> None:
        """What the kiosk sends."""

    async def receive(self, terminator: bytes) -> bytes | None:
        """The next answer with its terminator; empty when there is none; None: closed."""

    async def rest(self) -> bytes:
        """Ends the connection; what was still to come."""


class Player:
    """Plays one file."""

    def __init__(self, file: Path, place: Place, clock: Clock) -> None:
        self.file = file
        self.place = place
        self.clock = clock
        self._terminal = "kiosk-central"
        self._charset = "utf-8"
        self._terminator = b"\r"
        self._connected = False

    async def play(self) -> None:
        """AssertionError with file and line for the first thing that is otherwise."""
        for line in read(self.file):
            if line.kind == "@":
                await self._direct(line)
                continue
            if not self._connected:
                await self._connect()
            if line.kind == ">":
                await self.place.send(self._bytes(_completed(line.text, self._charset)) + b"\r")
            else:
                await self._hear(line)
        if self._connected:
            await self._rest(self.file.name)

    async def _connect(self) -> None:
        if self._connected:
            await self._rest(self.file.name)
        await self.place.connect(self._terminal)
        self._connected = True

    async def _rest(self, where: str) -> None:
        self._connected = False
        left = await self.place.rest()
        assert left == b"", f"{where}: nobody expected {left!r}"

    async def _hear(self, line: Line) -> None:
        where = f"{self.file.name}:{line.number}"
        if line.kind == "<-":
            return  # the next answer, or the end of the connection, shows it
        heard = await self.place.receive(self._terminator)
        if line.kind == "<!":
            assert heard is None, f"{where}: not closed, but {heard!r}"
            self._connected = False
            return
        assert heard is not None, f"{where}: closed instead of {line.text!r}"
        assert heard.endswith(self._terminator), f"{where}: {heard!r} does not end in {self._terminator!r}"
        frame = heard[: -len(self._terminator)]
        pattern, summed = self._pattern(line.text)
        assert re.fullmatch(pattern, frame, re.DOTALL), (
            f"{where}:\n  expected {line.text.replace('{now}', self.clock.stamp)}\n"
            f"  heard    {frame.decode(self._charset, 'backslashreplace')}"
        )
        if summed:
            assert frame[-4:] == b"%04X" % checksum(frame[:-4]), f"{where}: wrong sum in {frame!r}"

    def _pattern(self, text: str) -> tuple[bytes, bool]:
        """The regular expression of an answer, and whether its sum is to be verified."""
        summed = text.endswith("AZ")
        parts = text.replace("{now}", self.clock.stamp).split("*")
        pattern = b"[^|]*".join(re.escape(self._bytes(part)) for part in parts)
        return (pattern + b"[0-9A-F]{4}" if summed else pattern), summed

    def _bytes(self, text: str) -> bytes:
        parts = _BYTE.split(text)
        return b"".join(
            bytes((int(part, 16),)) if place % 2 else part.encode(self._charset)
            for place, part in enumerate(parts)
        )

    # -- directives ------------------------------------------------------------------------------------------

    async def _direct(self, line: Line) -> None:
        verb, *words = shlex.split(line.text)
        if verb in WORLD:
            with self.place.store.unit("transcript") as unit:
                WORLD[verb](unit.core, library.read(unit.core), *words)
                epoch.bump(unit)
            await self.place.changed()
        elif verb == "at":
            self.clock.zone = ZoneInfo(words[1])
            self.clock.now = datetime.fromisoformat(words[0]).replace(tzinfo=self.clock.zone)
        elif verb == "advance":
            self.clock.now += timedelta(**{f"{words[1].rstrip('s')}s": float(words[0])})
        elif verb == "connect":
            self._terminal = words[0]
            await self._connect()
        elif verb == "reconnect":
            await self._connect()
        elif verb == "restart":
            if self._connected:
                await self._rest(f"{self.file.name}:{line.number}")
            await self.place.restart()
        elif verb == "charset":
            self._charset = words[0]
        elif verb == "terminator":
            self._terminator = TERMINATORS[words[0]]
        elif (verb, *words) != ("library", "main"):
            raise ValueError(f"{self.file.name}:{line.number}: there is no @{verb}")


def _completed(text: str, charset: str) -> str:
    if not text.endswith("AZ"):
        return text
    plain = _BYTE.sub(lambda found: bytes((int(found[1], 16),)).decode("latin-1"), text)
    raw = plain.encode("latin-1" if _BYTE.search(text) else charset)
    return f"{text}{checksum(raw):04X}"


# -- the world -----------------------------------------------------------------------------------------------


def _pairs(words: tuple[str, ...]) -> dict[str, Any]:
    return {name: _value(value) for name, _, value in (word.partition("=") for word in words)}


def _value(text: str) -> Any:
    if text == "null":
        return None
    return int(text) if text.lstrip("-").isdigit() else text


def _rows(table: Table, key: str) -> Callable[..., None]:
    """``@patron P1 name=Value``: columns of one row, found by its code."""

    def change(core: Core, _world: World, code: str, *words: str) -> None:
        values = {
            name: str(value) if name == "expires_on" else value for name, value in _pairs(words).items()
        }
        done = core.execute(update(table).where(table.c[key] == code).values(**values))
        assert done.rowcount == 1, f"there is no {table.name} {code}"

    return change


def _branch(core: Core, world: World, code: str, *words: str) -> None:
    """SIP2 settings of a branch (CN-4)."""
    table = tables.branch_sip2
    core.execute(update(table).where(table.c.branch_id == world.branches[code]).values(**_pairs(words)))


def _message(core: Core, world: World, branch: str, message: str, support: str) -> None:
    """CN-5."""
    assert message in library.MESSAGES, message
    table = tables.branch_message
    core.execute(
        update(table)
        .where(table.c.branch_id == world.branches[branch], table.c.message == message)
        .values(support=support)
    )


def _account(core: Core, world: World, terminal: str, user: str, password: str) -> None:
    """CN-6: from now on this terminal must log in."""
    table = tables.terminal
    core.execute(
        update(table)
        .where(table.c.id == world.terminals[terminal])
        .values(username=user, password_hash=hash_secret(password))
    )


def _pin(core: Core, world: World, patron: str, pin: str) -> None:
    table = tables.patron
    core.execute(update(table).where(table.c.id == world.patrons[patron]).values(pin_hash=hash_secret(pin)))


def _rule(core: Core, world: World, institution: str, item_type: str, name: str, value: str) -> None:
    """CO-6; replaces the rule of this name."""
    table = tables.circulation_rule
    where = (
        table.c.institution_id == world.institutions[institution],
        table.c.item_type_id == world.item_types[item_type],
        table.c.name == name,
    )
    if not core.execute(update(table).where(*where).values(value=value)).rowcount:
        library.add(
            core,
            table,
            institution_id=world.institutions[institution],
            item_type_id=world.item_types[item_type],
            name=name,
            value=value,
        )


def _setting(core: Core, world: World, institution: str, name: str, value: str) -> None:
    core.execute(
        insert(tables.setting).values(
            scope="INSTITUTION", scope_id=world.institutions[institution], key=name, value=value
        )
    )


def _fee(core: Core, world: World, patron: str, amount: str, *words: str) -> None:
    library.add_fee(core, world, world.patrons[patron], int(amount), **_pairs(words))


def _block(core: Core, world: World, patron: str, *words: str) -> None:
    library.add_block(core, world.patrons[patron], **_pairs(words))


def _membership_policy(core: Core, world: World, patron_type: str, *words: str) -> None:
    """The patron type takes a membership since yesterday (MB-6)."""
    members.add_policy(core, world, patron_type, **_pairs(words))


def _membership(core: Core, world: World, patron: str, expires_on: str) -> None:
    """One that staff knew of (MB-13)."""
    members.add_membership(core, world.patrons[patron], expires_on)


def _proxy(core: Core, world: World, card: str, patron: str, *words: str) -> None:
    """``holder=P2``: a proxy card (MB-24)."""
    members.add_proxy(core, world, card, patron, **_pairs(words))


def _hold(core: Core, world: World, patron: str, title: str, *words: str) -> None:
    """``item=I3``: kept on the shelf for the patron."""
    given = _pairs(words)
    if "item" in given:
        given |= {"status": "ON_SHELF", "filled_item_id": world.items[given.pop("item")]}
    library.add_hold(core, world, world.patrons[patron], title, **given)


def _loan(core: Core, world: World, item: str, patron: str, *words: str) -> None:
    """``due=DAYS`` from the tests' NOW."""
    given = _pairs(words)
    due = NOW + timedelta(days=given.pop("due", 21))
    library.add_loan(core, world, world.items[item], world.patrons[patron], due_at=due, **given)


def _item(core: Core, world: World, barcode: str, *words: str) -> None:
    library.add_item(core, world, barcode, **_pairs(words))


def _text(core: Core, world: World, institution: str, scenario: str, language: str, text: str) -> None:
    """A customised screen text (SP-9)."""
    library.add(
        core,
        tables.custom_message,
        institution_id=world.institutions[institution],
        scenario=scenario,
        language=language,
        text=text,
    )


WORLD: Final[Mapping[str, Callable[..., None]]] = {
    "branch": _branch,
    "message": _message,
    "terminal": _rows(tables.terminal, "name"),
    "patron": _rows(tables.patron, "barcode"),
    "item": _rows(tables.item, "barcode"),
    "institution": _rows(tables.institution, "code"),
    "patron-type": _rows(tables.patron_type, "code"),
    "account": _account,
    "pin": _pin,
    "rule": _rule,
    "setting": _setting,
    "fee": _fee,
    "block": _block,
    "loan": _loan,
    "hold": _hold,
    "membership": _membership,
    "membership-policy": _membership_policy,
    "proxy": _proxy,
    "new-item": _item,
    "text": _text,
}
