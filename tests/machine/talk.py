"""How the machine talks to kiosks: every answer is looked at, every fourth request is sent twice."""

import itertools
import tempfile
from pathlib import Path

from hypothesis.stateful import RuleBasedStateMachine, initialize

from sip2d.wire import codec
from tests.machine import checks
from tests.machine.hall import LOGGED_IN, LOGIN, PINS, Line, furnish, opened
from tests.machine.model import Model
from tests.support import library
from tests.support.databases import Databases
from tests.support.desks import Room

KIOSKS = {"127.0.0.1": "CENTRAL", "127.0.0.2": "NORTH"}
DEBT = 300
"""What the patrons with a PIN owe at the start, in cents."""
OK = {b"12", b"30", b"10", b"66", b"16", b"38", b"20"}


class Talk(RuleBasedStateMachine):
    """Two branches, a kiosk each and one that logs in; three patrons and five items."""

    databases: Databases

    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.hall_context = opened(self.databases.fresh(furnish), Path(self.folder.name) / "access.log")
        self.hall, self.events = self.hall_context.__enter__()
        with self.hall.store.unit("read", writes=False) as unit:
            self.room = Room(self.hall.store, library.read(unit.core))
        with self.hall.store.unit("owe") as unit:
            for patron in PINS:
                library.add_fee(unit.core, self.room.world, self.room.world.patrons[patron], DEBT)
            self.past = checks.history(unit.core)
        self.model = Model(dict.fromkeys(PINS, DEBT))
        self.lines = {address: self.hall.connect(address) for address in KIOSKS}
        self.stranger = self.hall.connect(LOGGED_IN)
        self.logged_in = False
        self.stored: list[tuple[str, str]] = []
        self.latest: tuple[str, str, bytes] | None = None
        self.disabled: set[str] = set()
        self.turn, self.asked = itertools.count(), itertools.count()

    def teardown(self) -> None:
        if not hasattr(self, "hall"):
            return
        told = self.hall.logged().decode() + repr(self.events)
        self.hall_context.__exit__(None, None, None)
        self.folder.cleanup()
        assert not [one for one in (*PINS.values(), LOGIN[1]) if one in told], "PT-41: a secret is in the log"
        assert "exchange.fault" not in told, told

    # -- talking ---------------------------------------------------------------------------------------------

    @property
    def date(self) -> str:
        """This very second, in UTC."""
        return f"{self.hall.now:%Y%m%d   Z%H%M%S}"

    def ask(self, address: str, frame: str, *, effect: bool = True) -> bytes:
        """One request at a moment of its own; the answer is well-formed (PT-7)."""
        if self.lines[address].closed:  # it was silent too long
            self.lines[address] = self.hall.connect(address)
        answer = self.sound(self.lines[address], frame)
        if effect:
            self.latest = (address, frame, answer)
            if next(self.asked) % 4 == 3:
                self.again("new line")
        return answer

    def sound(self, line: Line, frame: str) -> bytes:
        answer = line.ask(frame)
        profile = line.connection.profile
        parsed = codec.parse_response(answer, profile)
        assert parsed is not None
        assert codec.build(parsed, profile) == answer, "PT-7: it does not read back"
        assert all(0x20 <= byte != 0x7F for byte in answer)
        denied = (answer[:2] in OK and answer[2:3] in b"0N") or b"|BLN|" in answer
        assert not denied or b"|AF" in answer, f"PT-7: refused without a word: {answer!r}"
        return answer

    def agree(self, answer: bytes, expected: bool | None) -> bool:
        """Whether it was done, and that is what the model says."""
        done = answer[2:3] in b"1Y"
        assert expected is None or done == expected, (answer, expected)
        return done

    def shut(self, address: str, message: str) -> bool:
        return KIOSKS[address] == "CENTRAL" and message in self.disabled

    def tail(self, patron: str, pin: bool) -> str:
        return f"AD{PINS[patron]}|" if pin and patron in PINS else ""

    def follow_undo(self, item: str) -> None:
        """Undone as the model has it, or, where it does not know, as the tables say."""
        if self.model.last[item]["kind"] != "?":
            self.model.undone(item)
            return
        self.resync(item)

    def resync(self, item: str) -> None:
        """What the model does not know of an item is read from the tables."""
        self.model.last[item] = {"kind": "?"}
        with self.hall.store.unit("read", writes=False) as unit:
            now = checks.open_loans(unit.core)
            counted = checks.renewals(unit.core)
        self.model.loans.pop(item, None)
        if item in now:
            self.model.loans[item] = {"patron": now[item][0], "renewals": counted[item]}

    def again(self, how: str) -> None:
        """The last request again: the same answer, if it did anything, and no second effect (SP-21)."""
        assert self.latest is not None
        address, frame, said = self.latest
        before = self.room.snapshot()
        if how == "later":
            self.hall.advance(30)
        line = self.lines[address]
        if how != "same line":
            line.hang_up()
            line = self.lines[address] = self.hall.connect(address)
        answer = self.sound(line, frame)
        assert self.room.snapshot() == before, "a repeat had an effect"
        assert answer[:3] == said[:3]

    def settled(self) -> dict[str, list[dict[str, object]]]:
        """What PT-9 is about: everything."""
        return self.room.snapshot()
