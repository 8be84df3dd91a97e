"""A kiosk without a connection: a frame goes through codec and ``serve``, its answer comes back as text.

All that one test does happens in one transaction that is taken back at its end, each exchange in a savepoint,
as the writer's group commit does it: a test costs milliseconds on both databases.
"""

import functools
import itertools
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Table, select, update

from sip2d.circulation.call import UNSPOKEN, Answer, Call, Spoken
from sip2d.circulation.registry import SERVICES
from sip2d.circulation.service import serve
from sip2d.circulation.wording import Catalogue, Wording
from sip2d.policy.setting_names import settings_of
from sip2d.store import tables
from sip2d.store.batches import Batch
from sip2d.store.snapshot import read_library
from sip2d.store.unit import Unit
from sip2d.wire import codec
from sip2d.wire.kinds import stamp
from sip2d.wire.profile import STANDARD, Profile, load_profiles
from tests.support import library
from tests.support.library import NOW, World
from tests.support.transcripts import WORLD

PARIS: Final = ZoneInfo("Europe/Paris")
CATALOGUE: Final = Catalogue.shipped()
PROFILES: Final = load_profiles()
_NUMBER = itertools.count()


def _direct(verb: str, words: list[str], core: Connection, world: World) -> None:
    WORLD[verb](core, world, *words)


class Pins:
    """Knows a PIN by its stored text ``is:<PIN>``, without hashing."""

    def verdict(self, subject: str, secret: str, stored: str | None) -> bool | None:
        """Always from memory."""
        return stored == f"is:{secret}"


class Said(msgspec.Struct, frozen=True):
    """An answer in pieces: the fixed block, and the values of each field in their order."""

    fixed: str
    fields: dict[str, list[str]]

    def __getitem__(self, field: str) -> str:
        """The one value of a field; KeyError when it is not there or repeated."""
        values = self.fields.get(field, [])
        if len(values) != 1:
            raise KeyError(field)
        return values[0]

    def get(self, field: str) -> list[str]:
        """All values of a field."""
        return self.fields.get(field, [])

    @property
    def af(self) -> list[str]:
        """What the screen says."""
        return self.get("AF")


class Kiosk:
    """See the module. ``now`` is its clock and the library's."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.world: World = library.read(unit.core)
        self.now = NOW
        self.branch = "CENTRAL"
        self.terminal: dict[str, Any] = {}
        self.profile: Profile = STANDARD
        self.spoken: Spoken = UNSPOKEN
        self.batch: Batch | None = None
        self.last: Answer | None = None

    @property
    def stamp(self) -> str:
        """The clock as it stands on the wire."""
        return stamp(self.now, PARIS)

    def at(self, ago: timedelta) -> str:
        """A moment before now as it stands on the wire."""
        return stamp(self.now - ago, PARIS)

    # -- the world -------------------------------------------------------------------------------------------

    def given(self, *directives: str) -> None:
        """Directives of the transcripts that change the database as staff would."""
        for directive in directives:
            verb, *words = shlex.split(directive)
            self.change(functools.partial(_direct, verb, words))

    def change(self, act: Callable[[Connection, World], object]) -> None:
        """Anything else, written with plain Core."""
        act(self.unit.core, self.world)
        self.world = library.read(self.unit.core)
        self.unit.library = read_library(self.unit.core)

    def rows(self, table: Table, **equal: object) -> list[dict[str, Any]]:
        """The rows of a table, oldest first."""
        wanted = select(table).order_by(*table.primary_key.columns)
        for name, value in equal.items():
            wanted = wanted.where(table.c[name] == value)
        return [dict(row) for row in self.unit.core.execute(wanted).mappings()]

    def row(self, table: Table, id_: int, **values: object) -> None:
        """New values in one row."""
        statement = update(table).where(table.c.id == id_).values(**values)
        self.change(lambda core, _world: core.execute(statement))

    def pin(self, patron: str, secret: str) -> None:
        """From now on the patron has a PIN."""
        self.row(tables.patron, self.world.patrons[patron], pin_hash=f"is:{secret}")

    def rule(self, name: str, value: str, **key: int) -> None:
        """A circulation rule of MAIN for branch_id, patron_type_id, item_type_id, valid_from, valid_to."""
        self.change(
            lambda core, world: library.add(
                core, tables.circulation_rule, institution_id=world.institutions["MAIN"], name=name,
                value=value, **key,
            )
        )  # fmt: skip

    @contextmanager
    def standing_at(self, branch: str, **terminal: Any) -> Iterator[None]:
        """Meanwhile this is another branch's kiosk, or a terminal with other rights."""
        before = self.branch, self.terminal
        self.branch, self.terminal = branch, {**self.terminal, **terminal}
        yield
        self.branch, self.terminal = before

    # -- the line --------------------------------------------------------------------------------------------

    def ask(self, frame: str) -> str:
        """One exchange; ``{now}`` in the frame is the clock. The answer without trailer and terminator."""
        body = frame.replace("{now}", self.stamp).encode(self.profile.charset)
        request = codec.parse_request(body, self.profile)
        assert request is not None, frame
        unit, books = self.unit, self.unit.library
        place = next(one for one in books.branches.values() if one.code == self.branch)
        row = next(one for one in books.terminals if one.branch_id == place.id)
        institution = books.institutions[place.institution_id]
        call = Call(
            books, institution, place, msgspec.structs.replace(row, **self.terminal), self.profile,
            settings_of(institution.settings, institution.decimals), Wording(CATALOGUE, books.texts),
            Pins(), self.now, next(_NUMBER).to_bytes(16, "big"), self.spoken,
            batch=self.batch,
        )  # fmt: skip
        unit.writes = SERVICES[request.code].writes
        with unit.attempt():
            self.last = serve(unit, request, call)
            unit.settle()
        return self.last.body.decode(self.profile.charset)

    def said(self, frame: str) -> Said:
        """The same in pieces."""
        text = self.ask(frame)
        response = codec.parse_response(text.encode(self.profile.charset), self.profile)
        assert response is not None
        assert codec.build(response, self.profile).decode(self.profile.charset) == text  # PT-7
        fixed = FIXED[text[:2]]
        fields: dict[str, list[str]] = {}
        for field in text[fixed:].split("|")[:-1]:
            fields.setdefault(field[:2], []).append(field[2:])
        return Said(text[:fixed], fields)

    def checkout(self, patron: str, item: str, rest: str = "", *, renew: str = "Y") -> Said:
        """11 on line, dated now."""
        return self.said(f"11{renew}N{{now}}{' ' * 18}AOMAIN|AA{patron}|AB{item}|AC|{rest}")

    def stored_checkout(self, patron: str, item: str, date: str, due: str = " " * 18, rest: str = "") -> Said:
        """11 with no block."""
        return self.said(f"11NY{date}{due}AOMAIN|AA{patron}|AB{item}|AC|{rest}")

    def checkin(self, item: str, rest: str = "", *, at: str = "") -> Said:
        """09 on line."""
        return self.said(f"09N{{now}}{{now}}AP{at}|AOMAIN|AB{item}|AC|{rest}")

    def stored_checkin(self, item: str, date: str, returned: str = "") -> Said:
        """09 with no block."""
        return self.said(f"09Y{date}{returned or date}AP|AOMAIN|AB{item}|AC|")

    def renew(self, patron: str, item: str, rest: str = "") -> Said:
        """29 on line."""
        return self.said(f"29NN{{now}}{' ' * 18}AOMAIN|AA{patron}|AB{item}|{rest}")

    def stored_renew(self, patron: str, item: str, due: str) -> Said:
        """29 with no block, as a bulk renewal writes it."""
        return self.said(f"29NY{{now}}{due}AOMAIN|AA{patron}|AB{item}|AC|")

    def status(self, patron: str, rest: str = "", language: str = "001") -> Said:
        """23."""
        return self.said(f"23{language}{{now}}AOMAIN|AA{patron}|AC|{rest}")

    def information(
        self, patron: str, wanted: int | None = None, rest: str = "", language: str = "001"
    ) -> Said:
        """63, asking for the list at a place of the summary."""
        summary = "".join("Y" if place == wanted else " " for place in range(10))
        return self.said(f"63{language}{{now}}{summary}AOMAIN|AA{patron}|AC|{rest}")

    def hold(self, mode: str, patron: str, rest: str) -> Said:
        """15."""
        return self.said(f"15{mode}{{now}}AOMAIN|AA{patron}|{rest}")

    def pay(self, patron: str, amount: str, rest: str = "", kind: str = "01", currency: str = "EUR") -> Said:
        """37 in cash."""
        return self.said(f"37{{now}}{kind}00{currency}BV{amount}|AOMAIN|AA{patron}|{rest}")

    def later(self, **span: float) -> None:
        """Time passes."""
        self.now += timedelta(**span)

    def set_now(self, year: int, month: int, day: int, hour: int = 10) -> None:
        """The clock of Paris."""
        self.now = datetime(year, month, day, hour, tzinfo=PARIS).astimezone(UTC)


FIXED: Final = {
    "24": 37, "12": 24, "10": 24, "64": 61, "36": 21, "38": 21, "18": 26, "20": 21, "26": 37, "16": 22,
    "30": 24, "66": 29, "98": 36,
}  # fmt: skip
"""Where the identified fields of an answer begin."""
