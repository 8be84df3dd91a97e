"""Kiosks against a naive model, on both databases (issue 8.1): PT-1, PT-3..PT-7, PT-9, PT-39, PT-40, PT-41
after every step.

The server is the whole of it but for the socket. Every request has a second of its own, so that nothing is a
repeat by accident; repeats are rules of their own.
"""

from datetime import timedelta
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.conftest import NO_SKIP
from tests.machine import checks
from tests.machine.hall import LOGGED_IN, LOGIN, PINS, furnish, opened
from tests.machine.model import LIMITS, TITLES
from tests.machine.talk import KIOSKS, Talk
from tests.support.databases import Databases

PATRONS = st.sampled_from(sorted(LIMITS))
ITEMS = st.sampled_from(sorted(TITLES))
HELD = st.sampled_from(["I1", "I4"])
"""Holds are placed on these only, so that the model has something to say about the others."""
ADDRESSES = st.sampled_from(sorted(KIOSKS))
GATED = {"11": "CHECKOUT", "29": "RENEW"}


class Kiosks(Talk):
    """What kiosks, patrons and staff do."""

    # -- ordinary business -----------------------------------------------------------------------------------

    @rule(address=ADDRESSES, patron=PATRONS, item=ITEMS, fee=st.booleans(), pin=st.booleans())
    def checkout(self, address: str, patron: str, item: str, fee: bool, pin: bool) -> None:
        self.hall.advance(1)
        expected = False if self.shut(address, "CHECKOUT") else self.model.may_lend(patron, item, fee=fee)
        body = f"AOMAIN|AA{patron}|AB{item}|AC|{self.tail(patron, pin)}BO{'NY'[fee]}|"
        answer = self.ask(address, f"11YN{self.date}{' ' * 18}{body}")
        renewal = self.model.loans.get(item, {}).get("patron") == patron
        if self.agree(answer, expected):
            assert answer[3:4] == (b"Y" if renewal else b"N")
            self.model.lent(patron, item, KIOSKS[address], self.hall.now)

    @rule(address=ADDRESSES, item=ITEMS)
    def checkin(self, address: str, item: str) -> None:
        self.hall.advance(1)
        answer = self.ask(address, f"09N{self.date}{self.date}APX|AOMAIN|AB{item}|AC|")
        self.agree(answer, True)
        loan = self.model.loans.get(item)
        assert (f"|AA{loan['patron']}|".encode() in answer) if loan else (b"|AA" not in answer)
        self.model.returned(item, KIOSKS[address], self.hall.now)

    @rule(address=ADDRESSES, patron=PATRONS, item=ITEMS, fee=st.booleans())
    def renew(self, address: str, patron: str, item: str, fee: bool) -> None:
        self.hall.advance(1)
        expected = False if self.shut(address, "RENEW") else self.model.may_renew(patron, item, fee=fee)
        body = f"AOMAIN|AA{patron}|AB{item}|BO{'NY'[fee]}|"
        if self.agree(self.ask(address, f"29NN{self.date}{' ' * 18}{body}"), expected):
            self.model.lent(patron, item, KIOSKS[address], self.hall.now)

    @rule(address=ADDRESSES, patron=PATRONS, fee=st.booleans())
    def renew_all(self, address: str, patron: str, fee: bool) -> None:
        self.hall.advance(1)
        answer = self.ask(address, f"65{self.date}AOMAIN|AA{patron}|BO{'NY'[fee]}|")
        self.agree(answer, True)
        renewed = {part[2:].decode() for part in answer[29:].split(b"|") if part[:2] == b"BM"}
        left = {part[2:].decode() for part in answer[29:].split(b"|") if part[:2] == b"BN"}
        own = {item for item, loan in self.model.loans.items() if loan["patron"] == patron}
        assert renewed | left == own
        assert (int(answer[3:7]), int(answer[7:11])) == (len(renewed), len(left))
        for item in sorted(own):
            expected = self.model.may_renew(patron, item, fee=fee)
            assert expected is None or (item in renewed) == expected
        for item in renewed:
            self.model.lent(patron, item, KIOSKS[address], self.hall.now)

    @rule(
        address=ADDRESSES, patron=PATRONS, item=HELD, mode=st.sampled_from("+-*"), where=ADDRESSES
    )  # fmt: skip
    def hold(self, address: str, patron: str, item: str, mode: str, where: str) -> None:
        self.hall.advance(1)
        frame = f"15{mode}{self.date}BS{KIOSKS[where]}|AOMAIN|AA{patron}|AB{item}|"
        if self.agree(self.ask(address, frame), None):
            self.model.wanted.add(TITLES[item])
            self.model.last[item] = {"kind": "?"}

    @rule(
        address=ADDRESSES, patron=PATRONS, amount=st.sampled_from([0, 50, 75, 150, 300]),
        key=st.sampled_from(["", "", "K1"]),
    )  # fmt: skip
    def pay(self, address: str, patron: str, amount: int, key: str) -> None:
        self.hall.advance(1)
        body = f"BV{amount / 100:.2f}|AOMAIN|AA{patron}|" + (f"BK{key}|" if key else "")
        answer = self.ask(address, f"37{self.date}0100EUR{body}")
        # A key is counted by each terminal for itself.
        key = key and f"{key}@{address}"
        if self.agree(answer, self.model.may_pay(patron, amount, key)):
            self.model.settled(patron, amount, key)

    @rule(address=ADDRESSES, patron=PATRONS, retained=st.booleans())
    def block(self, address: str, patron: str, retained: bool) -> None:
        self.hall.advance(1)
        answer = self.ask(address, f"01{'NY'[retained]}{self.date}AOMAIN|ALstop|AA{patron}|AC|")
        assert answer[2:6] == b"YYYY"
        assert answer[6:7] == b"Y" or not retained
        self.model.blocked.add(patron)

    @rule(address=ADDRESSES, patron=PATRONS)
    def enable(self, address: str, patron: str) -> None:
        self.hall.advance(1)
        answer = self.ask(address, f"25{self.date}AOMAIN|AA{patron}|")
        assert answer[3:5] == b"  "
        self.model.blocked.discard(patron)

    # -- undone, repeated, off-line --------------------------------------------------------------------------

    @rule(address=ADDRESSES, item=ITEMS)
    def undo_loan(self, address: str, item: str) -> None:
        self.hall.advance(1)
        expected = self.model.may_undo(item, ("LOAN", "RENEW"), KIOSKS[address], self.hall.now)
        answer = self.ask(address, f"09N{self.date}{self.date}APX|AOMAIN|AB{item}|AC|BIY|")
        if self.agree(answer, expected):
            self.follow_undo(item)

    @rule(address=ADDRESSES, patron=PATRONS, item=ITEMS)
    def undo_return(self, address: str, patron: str, item: str) -> None:
        self.hall.advance(1)
        expected = self.model.may_undo(item, ("RETURN",), KIOSKS[address], self.hall.now)
        if expected:
            expected = self.model.last[item]["patron"] == patron
        expected = False if self.shut(address, "CHECKOUT") else expected
        answer = self.ask(address, f"11YN{self.date}{' ' * 18}AOMAIN|AA{patron}|AB{item}|AC|BIY|")
        if self.agree(answer, expected):
            self.follow_undo(item)

    @precondition(lambda self: self.latest is not None)
    @rule(how=st.sampled_from(["same line", "new line", "later"]))
    def repeat(self, how: str) -> None:
        """Some time after its answer, or never; ``ask`` repeats every fourth request besides."""
        self.again(how)

    @rule(address=ADDRESSES, patron=PATRONS, item=ITEMS, days=st.integers(1, 40))
    def stored_checkout(self, address: str, patron: str, item: str, days: int) -> None:
        self.hall.advance(1)
        due = f"{self.hall.now + timedelta(days=days):%Y%m%d   Z%H%M%S}"
        frame = f"11NY{self.date}{due}AOMAIN|AA{patron}|AB{item}|AC|"
        open_to = not (self.shut(address, "CHECKOUT") or self.shut(address, "OFFLINE_MODE"))
        if self.agree(self.ask(address, frame), open_to):
            self.stored.append((address, frame))
            self.model.lent(patron, item, KIOSKS[address], self.hall.now, no_block=True)
            if TITLES[item] in self.model.wanted:
                self.model.last[item] = {"kind": "?"}

    @rule(address=ADDRESSES, patron=PATRONS, item=ITEMS, days=st.integers(1, 40))
    def stored_renewal(self, address: str, patron: str, item: str, days: int) -> None:
        self.hall.advance(1)
        due = f"{self.hall.now + timedelta(days=days):%Y%m%d   Z%H%M%S}"
        frame = f"29NY{self.date}{due}AOMAIN|AA{patron}|AB{item}|AC|"
        open_to = not (self.shut(address, "RENEW") or self.shut(address, "OFFLINE_MODE"))
        his = self.model.loans.get(item, {}).get("patron") == patron
        if self.agree(self.ask(address, frame), open_to and his):
            self.stored.append((address, frame))
            self.model.lent(patron, item, KIOSKS[address], self.hall.now, no_block=True)
            self.model.last[item] = {"kind": "?"}  # the due date may have been this one already (BR-18)
            self.resync(item)

    @rule(address=ADDRESSES, item=ITEMS)
    def stored_return(self, address: str, item: str) -> None:
        self.hall.advance(1)
        frame = f"09Y{self.date}{self.date}APX|AOMAIN|AB{item}|AC|"
        self.agree(self.ask(address, frame), True)
        self.stored.append((address, frame))
        self.model.returned(item, KIOSKS[address], self.hall.now)

    @precondition(lambda self: self.stored)
    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        """PT-9: any stored frame again, any time, leaves loans, ledger and blocks as they are."""
        address, frame = data.draw(st.sampled_from(self.stored))
        if frame.startswith("09") and self.shut(address, "OFFLINE_MODE"):
            return  # it is an ordinary return there, and moves what stands elsewhere (SP-20, D-4)
        self.hall.advance(1)
        before = self.settled()
        line = self.hall.connect(address)
        self.sound(line, frame)
        line.hang_up()
        after = self.settled()
        assert {name for name in before if before[name] != after[name]} == set(), f"PT-9: {frame}"

    # -- gates -----------------------------------------------------------------------------------------------

    @rule(
        patron=PATRONS,
        item=ITEMS,
        fixed=st.sampled_from(["11YN", "11NY", "29NN", "29NY", "09N", "63001", "01N"]),
    )
    def before_login(self, patron: str, item: str, fixed: str) -> None:
        """PT-39: before login no message but 93, 99 and 97 has effect, nor says anything of the library."""
        if self.stranger.closed:
            self.stranger, self.logged_in = self.hall.connect(LOGGED_IN), False
        if self.logged_in:
            return
        before = self.room.snapshot()
        padding = " " * {"63": 28, "01": 18}.get(fixed[:2], 36)
        answer = self.sound(self.stranger, f"{fixed}{padding}AOMAIN|AA{patron}|AB{item}|ALx|AC|")
        assert b"Terminal not authorised." in answer
        assert b"Title" not in answer
        assert self.room.snapshot() == before

    @rule(right=st.booleans())
    def login(self, right: bool) -> None:
        """A login holds or ends the one before."""
        if self.stranger.closed:
            self.stranger = self.hall.connect(LOGGED_IN)
        password = LOGIN[1] if right else "wrong-password"
        assert self.stranger.ask(f"9300CN{LOGIN[0]}|CO{password}|") == (b"941" if right else b"940")
        self.logged_in = right
        assert self.stranger.connection.session.bound is right

    @rule(code=st.sampled_from(sorted(GATED)), patron=st.sampled_from(sorted(PINS)), item=ITEMS,
          gate=st.sampled_from(["disabled", "no pin", "wrong pin"]))  # fmt: skip
    def gates(self, code: str, patron: str, item: str, gate: str) -> None:
        """PT-40: what stops a message stops it with no block too."""
        self.hall.support("CENTRAL", GATED[code], "DISABLED" if gate == "disabled" else "ENABLED")
        before = self.room.snapshot()
        tail = "ADzz-wrong|" if gate == "wrong pin" else ""
        for no_block in "NY":
            self.hall.advance(1)
            frame = f"{code}N{no_block}{self.date}{self.date}AOMAIN|AA{patron}|AB{item}|AC|{tail}"
            assert self.ask("127.0.0.1", frame, effect=False)[2:3] == b"0", f"PT-40: {frame}"
        assert self.room.snapshot() == before
        usual = "DISABLED" if GATED[code] in self.disabled else "ENABLED_NO_AUTH"
        self.hall.support("CENTRAL", GATED[code], usual)
        self.latest = None

    @rule(message=st.sampled_from(["CHECKOUT", "RENEW", "OFFLINE_MODE"]))
    def support(self, message: str) -> None:
        """Staff turn a message of CENTRAL off, or on again."""
        self.disabled ^= {message}
        off, on = "DISABLED", "ENABLED" if message == "OFFLINE_MODE" else "ENABLED_NO_AUTH"
        self.hall.support("CENTRAL", message, off if message in self.disabled else on)
        status = self.ask("127.0.0.1", "9900802.00", effect=False)
        flags = {"CHECKOUT": 4, "RENEW": 5, "OFFLINE_MODE": 7}
        assert status[flags[message] : flags[message] + 1] == (b"N" if message in self.disabled else b"Y")
        self.latest = None

    @rule(seconds=st.sampled_from([5, 61, 601, 1000, 86_400, 6 * 86_400]))
    def wait(self, seconds: int) -> None:
        self.hall.advance(seconds)
        self.latest = None

    @rule()
    def status(self) -> None:
        assert self.ask("127.0.0.2", "9900802.00", effect=False)[2:3] == b"Y"

    # -- what holds always -----------------------------------------------------------------------------------

    @invariant()
    def tables_are_sound(self) -> None:
        if not hasattr(self, "hall"):
            return
        with self.hall.store.unit("check", writes=False) as unit:
            out = checks.open_loans(unit.core)
            checks.ledger_is_sound(unit.core)
            checks.events_are_sensible(unit.core)
            past = checks.history(unit.core)
        assert {item: patron for item, (patron, _) in out.items()} == {
            item: loan["patron"] for item, loan in self.model.loans.items()
        }
        assert [row for row in self.past if row not in past] == [], "PT-4: history was rewritten"
        self.past = past

    @invariant()
    def what_is_told_is_what_is_so(self) -> None:
        """PT-6, and the amount owed; a patron and an item a step, in turn. PT-1: on loan iff there is a
        loan."""
        if not hasattr(self, "hall"):
            return
        turn = next(self.turn)
        patron = sorted(LIMITS)[turn % len(LIMITS)]
        item = sorted(TITLES)[turn % len(TITLES)]
        date = self.date
        told = self.ask("127.0.0.2", f"63001{date}{' ' * 10}AOMAIN|AA{patron}|", effect=False)
        with self.hall.store.unit("check", writes=False) as unit:
            ready, overdue, loans, pending = checks.counts(unit.core, patron, self.hall.now)
        assert told[37:49] == f"{ready:04}{overdue:04}{loans:04}".encode()
        assert told[57:61] == f"{pending:04}".encode()
        assert f"|BV{self.model.owed(patron) / 100:.2f}|".encode() in told
        status = self.ask("127.0.0.2", f"23001{date}AOMAIN|AA{patron}|AC|", effect=False)
        assert b"|BLY|" in status or b"|BLY|" not in told
        shown = self.ask("127.0.0.2", f"17{date}AOMAIN|AB{item}|", effect=False)
        assert (shown[2:4] in (b"04", b"07")) == (item in self.model.loans)


def test_kiosks_against_the_model(databases: Databases) -> None:
    """At most a minute, whatever the profile."""
    factor = 2 if NO_SKIP else 1
    examples = {"sqlite": 12, "postgresql": 6}[databases.kind] * factor

    machine = type("Machine", (Kiosks,), {"databases": databases})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=40, deadline=None,
            suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
            # No shrinking: on a database it would take longer than a test may. Forty steps can be read.
            phases=[Phase.explicit, Phase.reuse, Phase.generate],
        ),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["sqlite_databases", "postgres"])
def test_one_winner(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """PT-2 by requests in flight: of many kiosks that want one item at once one gets it."""
    databases: Databases = request.getfixturevalue(name)
    with opened(databases.fresh(furnish), tmp_path / "access.log") as (hall, _):
        lines = [hall.connect() for _ in range(12)]
        for number, line in enumerate(lines):
            date = f"{hall.now + timedelta(seconds=number):%Y%m%d   Z%H%M%S}"
            patron = sorted(LIMITS)[number % 3]
            line.connection.data_received(f"11NN{date}{' ' * 18}AOMAIN|AA{patron}|ABI3|AC|\r".encode())
        answers = [line.send()[0] for line in lines]
        assert sorted(answer[:3] for answer in answers) == [b"120"] * 11 + [b"121"]
