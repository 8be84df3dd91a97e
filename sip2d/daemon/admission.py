"""Who may connect, and as whom (CN-6, CN-7, CN-8, CN-15; issue 4.2): deny by default, the longest prefix
first.

Everything here is memory: built from the terminals of one ``Library``, swapped whole when its epoch changes.
The loop's thread only.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from sip2d.daemon.pins import Subject
from sip2d.store.aside import REFUSED_KEPT, RefusedAddress
from sip2d.store.library import Branch, Library, Terminal

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Refusal(msgspec.Struct, frozen=True):
    """Why not; ``reason`` is the label of ``sip2d_connections_refused_total`` or
    ``sip2d_login_failures_total``."""

    reason: str


class Admitted(msgspec.Struct, frozen=True):
    """A peer that may speak. ``candidates``: longest prefix first; ``terminal``: bound already, it needs no
    login."""

    address: Address
    tls: bool
    fingerprint: str | None
    candidates: tuple[Terminal, ...]
    terminal: Terminal | None


class LoggedIn(msgspec.Struct, frozen=True):
    """A login that holds: the terminal, and the branch of the session (CN-8: CP may name another)."""

    terminal: Terminal
    branch: Branch


class Checker(Protocol):
    """The part of ``pins.Pins`` a login needs."""

    def cached(self, subject: Subject, secret: str, stored: str | None) -> bool: ...

    async def verify(self, subject: Subject, secret: str, stored: str | None) -> bool: ...


class Explanation(msgspec.Struct, frozen=True):
    """One row of ``terminal test``; ``why_not`` is empty for a row that would serve."""

    terminal: Terminal
    matches_address: bool
    why_not: tuple[str, ...]


class Seat:
    """One connection's place under the caps. ``release`` it when the connection is lost; once is enough."""

    __slots__ = ("_admission", "address", "terminal_id")

    def __init__(self, admission: "Admission", address: Address) -> None:
        self._admission: Admission | None = admission
        self.address = address
        self.terminal_id: int | None = None

    def bind(self, terminal: Terminal) -> bool:
        """Count it against the terminal's quota instead of a former one; False when that is used up."""
        admission = self._admission
        if admission is None or terminal.id == self.terminal_id:
            return admission is not None
        if admission.sessions.get(terminal.id, 0) >= terminal.quota:
            return False
        self._unbind(admission)
        admission.sessions[terminal.id] = admission.sessions.get(terminal.id, 0) + 1
        admission.used.add(terminal.id)
        self.terminal_id = terminal.id
        return True

    def release(self) -> None:
        """Give it back."""
        admission, self._admission = self._admission, None
        if admission is not None:
            self._unbind(admission)
            admission.open -= 1
            _less(admission.peers, self.address)

    def _unbind(self, admission: "Admission") -> None:
        if self.terminal_id is not None:
            _less(admission.sessions, self.terminal_id)
            self.terminal_id = None


def _less(counts: dict[Any, int], key: object) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


class Admission:
    """The terminals by address, the caps, and the addresses turned away."""

    def __init__(self, library: Library, *, per_address: int) -> None:
        self.per_address = per_address
        self.open = 0
        self.peers: dict[Address, int] = {}
        self.sessions: dict[int, int] = {}
        self.used: set[int] = set()
        self._refused: OrderedDict[str, RefusedAddress] = OrderedDict()
        self._put(library)

    def _put(self, library: Library) -> None:
        """Index by (version, prefix length) -> network number: a lookup costs a dict access per length in
        use."""
        index: dict[tuple[int, int], dict[int, list[Terminal]]] = {}
        for terminal in library.terminals:
            network = terminal.network
            numbers = index.setdefault((network.version, network.prefixlen), {})
            numbers.setdefault(int(network.network_address), []).append(terminal)
        self._index = {
            version: [
                (network_bits(version, length), index[version, length])
                for length in sorted((n for v, n in index if v == version), reverse=True)
            ]
            for version in (4, 6)
        }
        self._by_id = {terminal.id: terminal for terminal in library.terminals}
        self.library = library

    def swap(self, library: Library, now: int) -> frozenset[int]:
        """Take the library of a new epoch; the terminals whose sessions must end."""
        ended = changed(self.library, library, now)
        self._put(library)
        return ended

    def terminal(self, terminal_id: int) -> Terminal | None:
        """The row as it is now."""
        return self._by_id.get(terminal_id)

    def expired(self, now: int) -> frozenset[int]:
        """Terminals with sessions whose time is over (CN-6e); asked with each poll, since no epoch changes
        then."""
        return frozenset(
            terminal_id
            for terminal_id in self.sessions
            if (terminal := self._by_id.get(terminal_id)) is None or not _in_force(terminal, now)
        )

    def _matching(self, address: Address) -> Iterable[Terminal]:
        number = int(address)
        for mask, numbers in self._index[address.version]:
            yield from numbers.get(number & mask, ())

    def candidates(self, address: Address, now: int) -> tuple[Terminal, ...]:
        """Rows that match the peer, longest prefix first: enabled, unexpired. One whose branch is not set up
        for SIP2 gets to the login, which tells it so (CN-2)."""
        return tuple(
            terminal
            for terminal in self._matching(unmapped(address))
            if not _absences(self.library, terminal, now)
        )

    def admit(
        self,
        address: Address,
        *,
        tls: bool,
        now: int,
        fingerprint: str | None = None,
        handshaken: bool = True,
    ) -> Admitted | Refusal:
        """CN-7. Before a TLS handshake (``handshaken`` False) pinned certificates are not asked for yet."""
        address = unmapped(address)
        rows = self.candidates(address, now)
        if not rows:
            return Refusal("address")
        rows = tuple(row for row in rows if tls or not (row.require_tls or row.client_certificate))
        if not rows:
            return Refusal("tls_required")
        if handshaken:
            rows = tuple(row for row in rows if _certificate_fits(row, fingerprint))
            if not rows:
                return Refusal("client_certificate")
        bound = rows[0] if rows[0].username is None else None
        return Admitted(address, tls, fingerprint, rows, bound)

    def seat(self, admitted: Admitted) -> Seat | Refusal:
        """A place under the caps of the address, and of the terminal where one is bound already."""
        address = admitted.address
        if self.peers.get(address, 0) >= self.per_address:
            return Refusal("per_address")
        self.open += 1
        self.peers[address] = self.peers.get(address, 0) + 1
        seat = Seat(self, address)
        if admitted.terminal is not None and not seat.bind(admitted.terminal):
            seat.release()
            return Refusal("quota")
        return seat

    async def login(
        self,
        pins: Checker,
        peer: Admitted,
        seat: Seat,
        *,
        user: str,
        password: str,
        location: str | None,
        now: int,
    ) -> LoggedIn | Refusal:
        """CN-8, the first time or again. Whether the name is unknown or the password wrong, the work is the
        same.

        Raises StoreBusy when too many checks wait.
        """
        again = self.admit(peer.address, tls=peer.tls, now=now, fingerprint=peer.fingerprint)
        rows = again.candidates if isinstance(again, Admitted) else ()
        subject = Subject(str(peer.address), f"terminal:{user}")
        named = [row for row in rows if row.username == user]
        for row in named:
            if pins.cached(subject, password, row.password_hash):
                return self._enter(row, seat, location)
        for row in named:
            if await pins.verify(subject, password, row.password_hash):
                still = self._by_id.get(row.id)
                if still is None or _rekeyed(row, still) or not _in_force(still, now):
                    return Refusal("credentials")  # it changed while we hashed
                return self._enter(still, seat, location)
        if not named:
            await pins.verify(subject, password, None)
        return Refusal("credentials")

    def _enter(self, row: Terminal, seat: Seat, location: str | None) -> LoggedIn | Refusal:
        branch = self.library.branches[row.branch_id]
        if location and location != branch.code:
            other = self._branch(branch.institution_id, location)
            if other is not None and row.any_branch:
                branch = other
        if not branch.sip2.configured:
            return Refusal("branch_not_configured")
        if not seat.bind(row):
            return Refusal("quota")
        return LoggedIn(row, branch)

    def _branch(self, institution_id: int, code: str) -> Branch | None:
        for branch in self.library.branches.values():
            if branch.institution_id == institution_id and branch.code == code and branch.enabled:
                return branch
        return None

    def explain(
        self, address: Address, user: str | None, *, tls: bool, now: int, fingerprint: str | None = None
    ) -> tuple[Explanation, ...]:
        """For ``terminal test --from IP --user U``: rows of that address or that name, those that serve
        first."""
        address = unmapped(address)
        order = {terminal.id: place for place, terminal in enumerate(self._matching(address))}
        rows = []
        for terminal in self.library.terminals:
            matches = terminal.id in order
            if matches or (user is not None and terminal.username == user):
                faults = [] if matches else [f"{address} is not in {terminal.network}"]
                faults += _row_faults(self.library, terminal, now)
                faults += _session_faults(self, terminal, user, tls=tls, fingerprint=fingerprint)
                rows.append(Explanation(terminal, matches, tuple(faults)))
        last = len(order)
        return tuple(sorted(rows, key=lambda row: (bool(row.why_not), order.get(row.terminal.id, last))))

    def turn_away(self, address: Address, reason: str, listener: str, now: int) -> bool:
        """Remember a refused address; the longest silent one is forgotten above 200. True when it is news."""
        key = str(unmapped(address))
        known = self._refused.pop(key, None)
        count = 1 if known is None else known.count + 1
        self._refused[key] = RefusedAddress(key, reason, listener, now, count)
        if len(self._refused) > REFUSED_KEPT:
            self._refused.popitem(last=False)
        return known is None

    def take_refused(self) -> tuple[RefusedAddress, ...]:
        """What to write down (``Aside.record_refused``); counts start anew."""
        rows = tuple(self._refused.values())
        self._refused.clear()
        return rows

    def keep_refused(self, rows: Iterable[RefusedAddress]) -> None:
        """They could not be written: keep them for the next time."""
        for row in rows:
            newer = self._refused.get(row.address)
            if newer is not None:
                self._refused[row.address] = msgspec.structs.replace(newer, count=newer.count + row.count)
            elif len(self._refused) < REFUSED_KEPT:
                self._refused[row.address] = row

    def take_used(self) -> frozenset[int]:
        """Terminals bound since the last time (``Aside.touch_terminals``, CN-12)."""
        used = frozenset(self.used)
        self.used.clear()
        return used


def changed(old: Library, new: Library, now: int) -> frozenset[int]:
    """Terminals whose sessions must end: gone, disabled, expired, re-keyed, moved, or of a branch that no
    longer serves."""
    rows = {terminal.id: terminal for terminal in new.terminals}
    return frozenset(
        before.id
        for before in old.terminals
        if (after := rows.get(before.id)) is None or _rekeyed(before, after) or _row_faults(new, after, now)
    )


def _rekeyed(before: Terminal, after: Terminal) -> bool:
    return (
        (before.username, before.password_hash, before.network, before.client_certificate, before.branch_id)
        != (after.username, after.password_hash, after.network, after.client_certificate, after.branch_id)
    ) or (after.require_tls and not before.require_tls)


def _in_force(terminal: Terminal, now: int) -> bool:
    return terminal.enabled and (terminal.expires_at is None or terminal.expires_at > now)


def _row_faults(library: Library, terminal: Terminal, now: int) -> list[str]:
    """Why a row does not serve (CN-2, CN-6e, CN-6f), in words."""
    faults = _absences(library, terminal, now)
    branch = library.branches.get(terminal.branch_id)
    if branch is not None and branch.enabled and not branch.sip2.configured:
        faults.append("its branch is not configured for SIP2")
    return faults


def _absences(library: Library, terminal: Terminal, now: int) -> list[str]:
    """Why a row behaves as absent (CN-6e), in words."""
    faults = []
    if not terminal.enabled:
        faults.append("the terminal is disabled")
    if terminal.expires_at is not None and terminal.expires_at <= now:
        faults.append("the terminal has expired")
    branch = library.branches.get(terminal.branch_id)
    if branch is None or not branch.enabled:
        faults.append("its branch is disabled")
    elif (institution := library.institutions.get(branch.institution_id)) is None or not institution.enabled:
        faults.append("its institution is disabled")
    return faults


def _session_faults(
    admission: Admission, terminal: Terminal, user: str | None, *, tls: bool, fingerprint: str | None
) -> list[str]:
    faults = []
    if terminal.username is not None and user is not None and terminal.username != user:
        faults.append("the user name differs")
    if terminal.require_tls and not tls:
        faults.append("it requires TLS")
    if not _certificate_fits(terminal, fingerprint):
        faults.append("it requires its client certificate")
    if admission.sessions.get(terminal.id, 0) >= terminal.quota:
        faults.append(f"its quota of {terminal.quota} connections is used up")
    return faults


def _certificate_fits(terminal: Terminal, fingerprint: str | None) -> bool:
    pinned = terminal.client_certificate
    return not pinned or (fingerprint is not None and normal_fingerprint(pinned) == fingerprint)


def normal_fingerprint(text: str) -> str:
    """SHA-256 of the certificate as lower-case hex digits, whatever the separators."""
    return text.lower().removeprefix("sha256:").replace(":", "").replace(" ", "")


def unmapped(address: Address) -> Address:
    """An IPv4 address mapped into IPv6 is that IPv4 address: one row admits the kiosk on either kind of
    socket."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


def network_bits(version: int, length: int) -> int:
    """The mask of a prefix as a number."""
    width = 32 if version == 4 else 128
    return ((1 << length) - 1) << (width - length)
