"""Kiosks under load, what they were told, and what the database says: the history checker of the fault tests.

Each kiosk has patrons and items of its own, so it knows what every answer must be. It asks a window of
requests at once, one an item and one payment, and remembers those without an answer: when it is connected
again it sends them again first, as a real one does with its last. Every request of an item has a transaction
date of its own: a kiosk's clock that goes on (SP-21).
"""

import random
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec

from sip2d.store.maintenance import check
from tests.faults.places import ITEMS, LOADS, load_item, load_patron, load_payer, rows
from tests.support.kiosk import Address, Closed, Kiosk, stamp

CYCLE = ("LOAN", "RENEW", "RETURN")
SPAN = 25 * 60
"""Seconds of transaction dates a kiosk may use: SP-21 knows a repeat within 15 minutes either side of now."""


class Request(msgspec.Struct, frozen=True):
    """What was asked: ``subject`` an item's barcode with a ``kind`` of event, or a payment's BK with PAY."""

    kind: str
    subject: str
    body: str


class Working(threading.Thread):
    """One kiosk at work until it is told to stop; ``once``: or until its connection ends."""

    def __init__(self, worker: "Worker", address: Address, done: Callable[[], bool], once: bool) -> None:
        super().__init__(daemon=True)
        self._worker, self._address, self._done, self._once = worker, address, done, once
        self.fault: BaseException | None = None

    def run(self) -> None:
        try:
            while True:
                with suppress(Closed, ConnectionError):
                    self._worker.work(self._address, self._done)
                    return
                if self._once:
                    return
        except BaseException as fault:
            self.fault = fault


class Worker:
    """One kiosk's memory, over all its connections."""

    def __init__(self, number: int, seed: int, served: threading.Condition) -> None:
        self.number = number
        self.acked: dict[str, list[str]] = {load_item(number, item): [] for item in range(ITEMS)}
        self.paid: list[str] = []
        self.open: list[Request] = []
        self.answers = 0
        self.refused: list[str] = []
        self._served = served
        self._chance = random.Random(seed * 1000 + number)
        self._dates = dict.fromkeys([*self.acked, load_payer(number)], 0)
        self._began = datetime.now(UTC) - timedelta(minutes=12)

    def work(self, address: Address, done: Callable[[], bool]) -> None:
        """Send again what has no answer, then go on. Closed when the daemon goes away."""
        with Kiosk(address) as kiosk:
            for request in list(self.open):
                kiosk.send(request.body)
            while True:
                while self.open:
                    self._take(kiosk)
                if done():
                    return
                self.open = self._window()
                kiosk.send_many([request.body for request in self.open])

    def _take(self, kiosk: Kiosk) -> None:
        reply = kiosk.read()
        request = self.open.pop(0)
        if reply.ok:
            self._acknowledged(request)
        else:  # its date is used up: the same subject comes again with the next one
            self.refused.append(reply.text)
        with self._served:
            self.answers += 1
            self._served.notify_all()

    def _acknowledged(self, request: Request) -> None:
        if request.kind == "PAY":
            self.paid.append(request.subject)
        else:
            self.acked[request.subject].append(request.kind)

    def _window(self) -> list[Request]:
        items = self._chance.sample(list(self.acked), self._chance.randint(1, ITEMS))
        asked = [self._act(item) for item in items]
        if self._chance.random() < 0.5:
            asked.insert(self._chance.randrange(len(asked) + 1), self._payment())
        return asked

    def _act(self, item: str) -> Request:
        kind = CYCLE[len(self.acked[item]) % len(CYCLE)]
        date, blank, who = self._date(item), " " * 18, load_patron(self.number)
        body = {
            "LOAN": f"11NN{date}{blank}AOMAIN|AA{who}|AB{item}|AC|",
            "RENEW": f"29NN{date}{blank}AOMAIN|AA{who}|AB{item}|",
            "RETURN": f"09N{date}{date}APCENTRAL|AOMAIN|AB{item}|AC|",
        }[kind]
        return Request(kind, item, body)

    def _payment(self) -> Request:
        payer = load_payer(self.number)
        date = self._date(payer)
        name = f"{self.number}-{self._dates[payer]}"
        return Request("PAY", name, f"37{date}0100EURBV0.01|AOMAIN|AA{payer}|BK{name}|")

    def _date(self, subject: str) -> str:
        self._dates[subject] += 1
        assert self._dates[subject] < SPAN
        return stamp(self._began + timedelta(seconds=self._dates[subject]))


class Fleet:
    """All kiosks of a load, over all lives of the daemon."""

    def __init__(self, seed: int, size: int = LOADS) -> None:
        self.served = threading.Condition()
        self.workers = [Worker(number, seed, self.served) for number in range(size)]
        self._stop = False
        self._threads: list[Working] = []

    @property
    def answers(self) -> int:
        """Answers so far, of all."""
        return sum(worker.answers for worker in self.workers)

    @property
    def unanswered(self) -> int:
        """Requests on their way."""
        return sum(len(worker.open) for worker in self.workers)

    @property
    def refused(self) -> list[str]:
        """Answers that were not ok."""
        return [text for worker in self.workers for text in worker.refused]

    def start(self, address: Address, *, once: bool = True) -> None:
        """Connect them all and let them work; not ``once``: they connect again when they are cut off."""
        self._stop = False
        self._threads = [Working(worker, address, lambda: self._stop, once) for worker in self.workers]
        for thread in self._threads:
            thread.start()

    def until(self, more: int, seconds: float = 30) -> None:
        """Until so many more answers came; AssertionError when they do not come."""
        target = self.answers + more
        with self.served:
            came = self.served.wait_for(lambda: self.answers >= target or self._broken(), seconds)
        self._complain()
        assert came, f"{more} answers did not come in {seconds} s"

    def finish(self) -> None:
        """Let each take the answers it is owed, and hang up."""
        self._stop = True
        self.join()

    def join(self) -> None:
        """The end of all connections (the daemon is gone, or they were told to stop)."""
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()
        self._complain()

    def _broken(self) -> bool:
        return any(thread.fault is not None for thread in self._threads)

    def _complain(self) -> None:
        for thread in self._threads:
            if thread.fault is not None:
                raise thread.fault

    def findings(self, url: str) -> list[str]:
        """What the database and the acknowledgements disagree about; [] when every answer was true."""
        events: dict[str, list[str]] = {}
        for barcode, kind in rows(url, _EVENTS):
            events.setdefault(str(barcode), []).append(str(kind))
        loans = {str(row[0]) for row in rows(url, _OPEN)}
        payments = [str(row[0]) for row in rows(url, _PAYMENTS)]
        found = check(url)
        for worker in self.workers:
            found += _of_items(worker, events, loans)
            found += _of_payments(worker, payments)
        return found


_EVENTS = """SELECT item.barcode, loan_event.kind FROM loan_event JOIN item ON item.id = loan_event.item_id
             WHERE item.barcode LIKE 'LOAD-%' AND loan_event.kind IN ('LOAN', 'RENEW', 'RETURN')
             ORDER BY loan_event.id"""
_OPEN = """SELECT item.barcode FROM loan JOIN item ON item.id = loan.item_id
           WHERE loan.status = 'OPEN' AND item.barcode LIKE 'LOAD-%'"""
_PAYMENTS = "SELECT payment_key FROM ledger_txn WHERE kind = 'PAY' ORDER BY id"


def _of_items(worker: Worker, events: dict[str, list[str]], loans: set[str]) -> Iterable[str]:
    """An item's events are those acknowledged, and at most the one that has no answer yet."""
    pending = {request.subject: request.kind for request in worker.open}
    for item, acked in worker.acked.items():
        done = events.get(item, [])
        allowed = [acked, [*acked, pending[item]]] if item in pending else [acked]
        if done not in allowed:
            yield f"{item}: acknowledged {len(acked)} {acked[-3:]}, done {len(done)} {done[-3:]}"
        if (item in loans) != (bool(done) and done[-1] != "RETURN"):
            yield f"{item}: its loan and its events disagree"


def _of_payments(worker: Worker, payments: list[str]) -> Iterable[str]:
    mine = [key.split("/")[1].partition(":")[2] for key in payments if f":{worker.number}-" in key]
    pending = [request.subject for request in worker.open if request.kind == "PAY"]
    if mine not in (worker.paid, worker.paid + pending):
        yield f"payments of {worker.number}: acknowledged {worker.paid[-3:]}, booked {mine[-3:]}"
