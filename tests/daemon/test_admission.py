"""Who may connect, and as whom (CN-6, CN-7, CN-8, CN-15; issue 4.2)."""

from ipaddress import ip_address

import msgspec
import pytest

from sip2d.daemon.admission import Admission, Admitted, LoggedIn, Refusal, Seat, changed
from sip2d.daemon.pins import Subject
from sip2d.store.library import Branch, Institution, Terminal
from tests.daemon.places import NOW, branch, institution, library, terminal

HERE = ip_address("192.0.2.7")


class Passwords:
    """Every terminal's password is ``pw``; counts what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Subject, str | None]] = []

    def cached(self, subject: Subject, secret: str, stored: str | None) -> bool:
        return False

    async def verify(self, subject: Subject, secret: str, stored: str | None) -> bool:
        self.asked.append((subject, stored))
        return stored is not None and secret == "pw"


def admission(
    *terminals: Terminal,
    per_address: int = 10,
    branches: tuple[Branch, ...] = (branch(),),
    institutions: tuple[Institution, ...] = (institution(),),
) -> Admission:
    made = library(*terminals, branches=branches, institutions=institutions)
    return Admission(made, per_address=per_address)


def admitted(found: Admitted | Refusal) -> Admitted:
    assert isinstance(found, Admitted), found
    return found


def seated(gate: Admission, peer: Admitted) -> Seat:
    found = gate.seat(peer)
    assert isinstance(found, Seat), found
    return found


ROWS = {
    "no row": ((), "address"),
    "another address": ((terminal(1, "192.0.2.8"),), "address"),
    "disabled": ((terminal(1, "192.0.2.7", enabled=False),), "address"),
    "expired this second": ((terminal(1, "192.0.2.7", expires_at=NOW),), "address"),
    "expires in a second": ((terminal(1, "192.0.2.7", expires_at=NOW + 1),), None),
    "requires TLS": ((terminal(1, "192.0.2.7", require_tls=True),), "tls_required"),
    "pinned certificate means TLS": ((terminal(1, "192.0.2.7", client_certificate="ab"),), "tls_required"),
    "network": ((terminal(1, "192.0.2.0/24", "u"),), None),
    "everybody": ((terminal(1, "0.0.0.0/0", "u"),), None),
}


@pytest.mark.parametrize("case", ROWS)
def test_deny_by_default(case: str) -> None:
    rows, reason = ROWS[case]
    found = admission(*rows).admit(HERE, tls=False, now=NOW)
    assert (found.reason if isinstance(found, Refusal) else None) == reason


@pytest.mark.parametrize(
    ("where", "whose"),
    [
        (branch(enabled=False), institution()),
        (branch(), institution(enabled=False)),
    ],
)
def test_a_branch_that_does_not_serve_admits_nobody(where: Branch, whose: Institution) -> None:
    """CN-2, CN-6f."""
    gate = admission(terminal(1, "192.0.2.7"), branches=(where,), institutions=(whose,))
    assert gate.admit(HERE, tls=True, now=NOW) == Refusal("address")


async def test_a_branch_that_is_not_configured_is_told_so_at_login() -> None:
    """CN-2: 940 with AF, so that a technician sees which knob is missing."""
    gate = admission(terminal(1, "192.0.2.7", "u"), branches=(branch(configured=False),))
    peer = admitted(gate.admit(HERE, tls=True, now=NOW))
    found = await gate.login(
        Passwords(), peer, seated(gate, peer), user="u", password="pw", location=None, now=NOW
    )
    assert found == Refusal("branch_not_configured")


def test_longest_prefix_first() -> None:
    rows = [terminal(1, "0.0.0.0/0", "u"), terminal(2, "192.0.2.7", "u"), terminal(3, "192.0.2.0/24", "u")]
    found = admitted(admission(*rows).admit(HERE, tls=False, now=NOW))
    assert [row.id for row in found.candidates] == [2, 3, 1]
    assert found.terminal is None


def test_a_row_without_username_needs_no_login() -> None:
    """CN-7; a wider row with one does not change that, a narrower does."""
    anonymous, wide, narrow = (
        terminal(1, "192.0.2.0/24"),
        terminal(2, "192.0.0.0/16", "u"),
        terminal(3, "192.0.2.7", "u"),
    )
    bound = admitted(admission(anonymous, wide).admit(HERE, tls=False, now=NOW))
    assert bound.terminal == anonymous
    assert admitted(admission(anonymous, narrow).admit(HERE, tls=False, now=NOW)).terminal is None


def test_an_ipv4_address_mapped_into_ipv6_is_that_address() -> None:
    gate = admission(terminal(1, "192.0.2.7"), terminal(2, "2001:db8::/32"))
    assert admitted(gate.admit(ip_address("::ffff:192.0.2.7"), tls=False, now=NOW)).candidates[0].id == 1
    assert admitted(gate.admit(ip_address("2001:db8::1"), tls=False, now=NOW)).candidates[0].id == 2


def test_a_pinned_certificate() -> None:
    """CN-15: another certificate, or none, is not this terminal."""
    gate = admission(terminal(1, "192.0.2.7", client_certificate="AB:CD"))
    assert isinstance(gate.admit(HERE, tls=True, now=NOW, handshaken=False), Admitted)
    assert gate.admit(HERE, tls=True, now=NOW) == Refusal("client_certificate")
    assert gate.admit(HERE, tls=True, now=NOW, fingerprint="abce") == Refusal("client_certificate")
    assert admitted(gate.admit(HERE, tls=True, now=NOW, fingerprint="abcd")).terminal is not None


def test_a_lookup_among_ten_thousand_terminals() -> None:
    rows = [terminal(n, f"10.{n // 256}.{n % 256}.0/24", "u") for n in range(10_000)]
    gate = admission(*rows)
    assert [row.id for row in gate.candidates(ip_address("10.39.15.9"), NOW)] == [39 * 256 + 15]


def test_caps_and_quota() -> None:
    gate = admission(terminal(1, "192.0.2.7", quota=2), terminal(2, "192.0.2.0/24", "u"), per_address=3)
    peer = admitted(gate.admit(HERE, tls=False, now=NOW))
    first, second = seated(gate, peer), seated(gate, peer)
    assert gate.seat(peer) == Refusal("quota")
    first.release()
    first.release()  # once is enough, twice is no harm
    assert (gate.open, gate.peers, gate.sessions) == (1, {HERE: 1}, {1: 1})
    seats = [seated(gate, peer)]
    other = admitted(gate.admit(ip_address("192.0.2.9"), tls=False, now=NOW))
    many = [seated(gate, other) for _ in range(3)]
    assert gate.seat(other) == Refusal("per_address")
    for seat in [second, *seats, *many]:
        seat.release()
    assert (gate.open, gate.peers, gate.sessions) == (0, {}, {})
    assert gate.take_used() == {1}


LOGINS = {
    "right": (("kiosk", "pw", None), "1 MAIN"),
    "wrong password": (("kiosk", "no", None), "credentials"),
    "unknown user": (("ghost", "pw", None), "credentials"),
    "user names are exact": (("Kiosk", "pw", None), "credentials"),
    "another branch, not allowed": (("kiosk", "pw", "EAST"), "1 MAIN"),
    "another branch, allowed": (("any", "pw", "EAST"), "2 EAST"),
    "a branch nobody knows": (("any", "pw", "WEST"), "2 MAIN"),
    "a branch without SIP2": (("any", "pw", "NORTH"), "branch_not_configured"),
}


@pytest.mark.parametrize("case", LOGINS)
async def test_login(case: str) -> None:
    """CN-8."""
    (user, password, location), wanted = LOGINS[case]
    gate = admission(
        terminal(1, "192.0.2.7", "kiosk"),
        terminal(2, "192.0.2.0/24", "any", any_branch=True),
        branches=(branch(), branch(2, "EAST"), branch(3, "NORTH", configured=False)),
    )
    peer = admitted(gate.admit(HERE, tls=False, now=NOW))
    pins = Passwords()
    found = await gate.login(
        pins, peer, seated(gate, peer), user=user, password=password, location=location, now=NOW
    )
    said = f"{found.terminal.id} {found.branch.code}" if isinstance(found, LoggedIn) else found.reason
    assert said == wanted
    assert len(pins.asked) == 1  # the same work for an unknown name (F17)


async def test_logging_in_again_moves_the_seat() -> None:
    gate = admission(terminal(1, "192.0.2.7", "a", quota=1), terminal(2, "192.0.2.7", "b"))
    peer = admitted(gate.admit(HERE, tls=False, now=NOW))
    seat, other = seated(gate, peer), seated(gate, peer)

    async def enter(seat: Seat, user: str) -> LoggedIn | Refusal:
        return await gate.login(Passwords(), peer, seat, user=user, password="pw", location=None, now=NOW)

    assert isinstance(await enter(seat, "a"), LoggedIn)
    assert isinstance(await enter(seat, "a"), LoggedIn)
    assert await enter(other, "a") == Refusal("quota")
    assert isinstance(await enter(seat, "b"), LoggedIn)
    assert isinstance(await enter(other, "a"), LoggedIn)
    assert gate.sessions == {1: 1, 2: 1}


async def test_a_password_changed_while_it_is_checked_does_not_hold() -> None:
    gate = admission(terminal(1, "192.0.2.7", "a"))
    peer = admitted(gate.admit(HERE, tls=False, now=NOW))

    class Meanwhile(Passwords):
        async def verify(self, subject: Subject, secret: str, stored: str | None) -> bool:
            gate.swap(library(terminal(1, "192.0.2.7", "a", password_hash="new"), epoch=2), NOW)
            return True

    found = await gate.login(
        Meanwhile(), peer, seated(gate, peer), user="a", password="pw", location=None, now=NOW
    )
    assert found == Refusal("credentials")


CHANGES: dict[str, tuple[dict[str, object], bool]] = {
    "nothing": ({}, False),
    "profile": ({"profile": "extended"}, False),
    "quota": ({"quota": 1}, False),
    "disabled": ({"enabled": False}, True),
    "expired": ({"expires_at": NOW}, True),
    "password": ({"password_hash": "new"}, True),
    "user": ({"username": "v"}, True),
    "certificate": ({"client_certificate": "ab"}, True),
    "branch": ({"branch_id": 2}, True),
    "TLS from now on": ({"require_tls": True}, True),
}


@pytest.mark.parametrize("case", CHANGES)
def test_whose_sessions_end(case: str) -> None:
    changes, ends = CHANGES[case]
    both = (branch(), branch(2, "EAST"))
    old = library(terminal(1, "192.0.2.7", "u"), branches=both)
    new = library(msgspec.structs.replace(old.terminals[0], **changes), branches=both)
    assert changed(old, new, NOW) == ({1} if ends else set())


def test_removed_terminals_and_branches_end_sessions() -> None:
    old = library(terminal(1, "192.0.2.7", "u"))
    assert changed(old, library(), NOW) == {1}
    assert changed(old, library(*old.terminals, branches=(branch(configured=False),)), NOW) == {1}


def test_expiry_needs_no_new_epoch() -> None:
    gate = admission(terminal(1, "192.0.2.7", expires_at=NOW + 5))
    seated(gate, admitted(gate.admit(HERE, tls=False, now=NOW)))
    assert gate.expired(NOW + 4) == frozenset()
    assert gate.expired(NOW + 5) == {1}


def test_explain_says_why_not() -> None:
    """``terminal test --from IP --user U``."""
    gate = admission(
        terminal(1, "192.0.2.7", "u", enabled=False, require_tls=True),
        terminal(2, "192.0.2.0/24", "u"),
        terminal(3, "192.0.2.0/24", "v", expires_at=NOW),
        terminal(4, "198.51.100.1", "u"),
        terminal(5, "198.51.100.2", "v"),
    )
    rows = gate.explain(HERE, "u", tls=False, now=NOW)
    assert [(row.terminal.id, row.matches_address, row.why_not) for row in rows] == [
        (2, True, ()),
        (1, True, ("the terminal is disabled", "it requires TLS")),
        (3, True, ("the terminal has expired", "the user name differs")),
        (4, False, ("192.0.2.7 is not in 198.51.100.1/32",)),
    ]


def test_refused_addresses_are_bounded_and_counted() -> None:
    gate = admission()
    assert gate.turn_away(HERE, "address", "plain", NOW)
    assert not gate.turn_away(HERE, "tls_required", "plain", NOW + 1)
    (row,) = gate.take_refused()
    assert (row.address, row.reason, row.at, row.count) == ("192.0.2.7", "tls_required", NOW + 1, 2)
    assert gate.take_refused() == ()
    gate.turn_away(HERE, "address", "plain", NOW + 2)
    gate.keep_refused([row])  # the database was away
    assert [(one.at, one.count) for one in gate.take_refused()] == [(NOW + 2, 3)]
    for number in range(300):
        gate.turn_away(ip_address(number), "address", "plain", NOW)
    kept = gate.take_refused()
    assert (len(kept), kept[-1].address) == (200, str(ip_address(299)))
