"""One exchange on its way through the store: there once, back once, with its transaction committed
(house.md, "The life of a request")."""

from collections.abc import Callable
from datetime import datetime

from sip2d.circulation.call import Answer, PinNeeded
from sip2d.circulation.registry import SERVICES
from sip2d.circulation.service import serve
from sip2d.daemon.acs import Acs, Binding
from sip2d.daemon.pins import Subject
from sip2d.session.slots import Exchange
from sip2d.store.unit import Unit
from sip2d.wire.messages import Request

Done = Callable[["Errand", Answer | None, BaseException | None], None]


class Errand:
    """See the module. It is its own PIN oracle: the cache of verified PINs first, then what was hashed for
    it."""

    __slots__ = (
        "_acs",
        "_checked",
        "_lane",
        "_ran",
        "arrived",
        "binding",
        "done",
        "exchange",
        "exchange_id",
        "now",
        "request",
        "writes",
    )

    def __init__(
        self,
        acs: Acs,
        binding: Binding,
        exchange: Exchange,
        request: Request,
        now: datetime,
        arrived: float,
        lane: int,
        done: Done,
    ) -> None:
        self._acs = acs
        self.binding = binding
        self._lane = lane
        self._ran = False
        self._checked: tuple[str | None, bool] | None = None
        self.exchange = exchange
        self.request = request
        self.now = now
        self.arrived = arrived
        self.done = done
        self.writes = SERVICES[request.code].writes
        self.exchange_id = acs.exchange_id() if self.writes else b""  # the journal's: reads leave no trace

    def submit(self) -> None:
        """Hands the unit to the store.

        Raises:
            StoreBusy: too much waits.
        """
        self._acs.store.submit(self.writes, self.request.code, self._work, self.come_back, self._lane)

    def _work(self, unit: Unit) -> Answer:
        again, self._ran = self._ran, True
        call = self._acs.call(unit.library, self.binding, self, self.now, self.exchange_id, again)
        return serve(unit, self.request, call)

    @property
    def has_pin(self) -> bool:
        """Whether a patron's PIN has to be checked on the way."""
        return bool(getattr(self.request, "patron_password", None))

    def come_back(self, answer: Answer | None, fault: BaseException | None) -> None:
        """It is done, or could not be: tells whoever sent it."""
        self.done(self, answer, fault)

    def verdict(self, subject: str, secret: str, stored: str | None) -> bool | None:
        """From memory; a verdict counts only for the very hash it was made of, which the unit has just read
        again."""
        if self._checked is not None and self._checked[0] == stored:
            return self._checked[1]
        if stored is not None and self._acs.pins.cached(self._subject(subject), secret, stored):
            return True
        return None

    async def check(self, needed: PinNeeded) -> None:
        """Hashes the PIN a unit asked for, then sends the unit again."""
        secret = getattr(self.request, "patron_password", None) or ""
        verdict = await self._acs.pins.verify(self._subject(needed.subject), secret, needed.stored)
        self._checked = (needed.stored, verdict)
        self.submit()

    def _subject(self, barcode: str) -> Subject:
        return Subject(self.binding.terminal.name, f"patron:{self.binding.branch_id}:{barcode}")
