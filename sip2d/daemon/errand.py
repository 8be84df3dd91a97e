"""One exchange on its way through the store: there once, back once, with its transaction committed
(house.md, "The life of a request")."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec

from sip2d.circulation.call import Answer, Call, PinNeeded
from sip2d.circulation.registry import SERVICES
from sip2d.circulation.service import serve
from sip2d.daemon.acs import Acs, Binding
from sip2d.daemon.pins import Subject
from sip2d.session.slots import Exchange
from sip2d.store.transact import Ahead
from sip2d.store.unit import Unit
from sip2d.wire.messages import Request


class Abandoned(Exception):
    """Whoever asked is gone: nothing was changed."""


class Waited(Protocol):
    """Where an errand came from (`road.Road`), as far as it asks: whether anybody still waits there."""

    closed: bool


Tell = Callable[["Errand", Answer | None, BaseException | None], None]


class Errand(msgspec.Struct, eq=False):
    """See the module. It is the store's job, and its own PIN oracle: the cache of verified PINs first, then
    what was hashed for it. ``tell`` hears once what became of it, on the loop; ``has_pin``: a patron's PIN
    has to be checked on the way.

    A struct is made in 0.3 us, a class with slots in 0.8.
    """

    name: str
    ahead: Ahead | None
    writes: bool
    acs: Acs
    binding: Binding
    exchange: Exchange
    request: Request
    now: datetime
    arrived: float
    lane: int
    tell: Tell
    road: Waited
    has_pin: bool
    exchange_id: bytes
    ran: bool = False
    checked: tuple[str | None, bool] | None = None
    foreseen: tuple[Unit, Call] | None = None

    @classmethod
    def of(
        cls,
        acs: Acs,
        binding: Binding,
        exchange: Exchange,
        request: Request,
        lane: int,
        tell: Tell,
        road: Waited,
    ) -> "Errand":
        """The errand of a request that was just taken from its session."""
        writes, ahead = ROADS[exchange.code]
        pin = bool(getattr(request, "patron_password", None))
        exchange_id = acs.exchange_id() if writes else b""  # the journal's: reads leave no trace
        return cls(exchange.code, ahead, writes, acs, binding, exchange, request, acs.now(),
                   exchange.received_at, lane, tell, road, pin, exchange_id)  # fmt: skip

    def submit(self) -> None:
        """Hands the unit to the store.

        Raises:
            StoreBusy: too much waits.
        """
        self.acs.store.send(self.writes, self, self.lane)

    # -- the store's side --------------------------------------------------------------------------------

    def work(self, unit: Unit) -> Answer:
        """Serves the request. Raises Abandoned.

        Asked before, to spare the work, and after, with all locks held: who asks again on another connection
        finds either nothing of this one, or its record (SP-21).
        """
        if self.writes and self.road.closed:
            raise Abandoned
        foreseen, self.foreseen = self.foreseen, None
        again, self.ran = self.ran, True
        if foreseen is not None and foreseen[0] is unit:
            call = foreseen[1]
        else:
            call = self._call(unit, again)
        answer = serve(unit, self.request, call)
        if self.writes and self.road.closed:
            raise Abandoned
        return answer

    def foresee(self, unit: Unit) -> tuple[Request, Call]:
        """What it is going to serve in this unit."""
        call = self._call(unit, self.ran)
        self.foreseen = unit, call
        return self.request, call

    def _call(self, unit: Unit, again: bool) -> Call:
        return self.acs.call(unit.library, self.binding, self, self.now, self.exchange_id, again)

    def done(self, answer: Answer | None, fault: BaseException | None) -> None:
        """It is done, or could not be: tells whoever sent it."""
        self.foreseen = None  # it may never have run: the call holds the errand itself
        self.tell(self, answer, fault)

    # -- its PIN -----------------------------------------------------------------------------------------

    def verdict(self, subject: str, secret: str, stored: str | None) -> bool | None:
        """From memory; a verdict counts only for the very hash it was made of, which the unit has just read
        again."""
        if self.checked is not None and self.checked[0] == stored:
            return self.checked[1]
        if stored is not None and self.acs.pins.cached(self._subject(subject), secret, stored):
            return True
        return None

    async def check(self, needed: PinNeeded) -> None:
        """Hashes the PIN a unit asked for, then sends the unit again."""
        secret = getattr(self.request, "patron_password", None) or ""
        verdict = await self.acs.pins.verify(self._subject(needed.subject), secret, needed.stored)
        self.checked = (needed.stored, verdict)
        self.submit()

    def _subject(self, barcode: str) -> Subject:
        return Subject(self.binding.terminal.name, f"patron:{self.binding.branch_id}:{barcode}")

    def __repr__(self) -> str:
        """Without the PIN's hash and the request."""
        return f"<Errand {self.request.code}>"


def _ahead(foresight: Callable[..., None]) -> Ahead:
    def ahead(unit: Unit, errands: Sequence[Errand]) -> None:
        branches = unit.library.branches  # one that is gone is its own errands' fault
        foresight(unit, [one.foresee(unit) for one in errands if one.binding.branch_id in branches])

    return ahead


_FORESIGHTS: Final = {service.foresight for service in SERVICES.values() if service.foresight is not None}
_BY_FORESIGHT: Final = {foresight: _ahead(foresight) for foresight in _FORESIGHTS}
ROADS: Final[dict[str, tuple[bool, Ahead | None]]] = {
    code: (service.writes, None if service.foresight is None else _BY_FORESIGHT[service.foresight])
    for code, service in SERVICES.items()
}
"""By message: whether its unit writes, and what can be asked for at once for several of a batch. Messages
that share a foresight are foreseen together."""
