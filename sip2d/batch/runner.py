"""Sends a batch: rows out of the journal, message 29 with no block, outcomes into the journal (BR-5, BR-39,
BR-40, BR-44).

Theory of operation
-------------------

Rows go in the order of the sheet and are settled in that order, ``Server.width`` of them under way. Before
any leaves, its intent is on the disk; half a window is the least that is sent at once, so that a wait for the
disk is shared by many. The first row goes alone: where it is refused as all would be, nothing else is sent
(BR-17).

When the line is lost, rows without an answer are *open*. A new line is opened, and open rows are asked for
one at a time, then the window is wide again:

* sip2d gets the same frame again, and answers what it did (SP-21, BR-18).
* Another server is asked for the item first (17); its due date tells whether the renewal happened. Where
  that does not tell, the row is FAILED with the code UNKNOWN and never sent twice, except with ``resend``.

A row over which a second line falls silent is FAILED with NO_RESPONSE (BR-44); two such rows in a row end
the batch, which goes on with `resume`. So does a server that cannot be reached again (CN-13).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from sip2d.batch import outcome, preflight
from sip2d.batch.dates import utc_stamp
from sip2d.batch.journal import Journal, Todo
from sip2d.batch.outcome import FAILED, RENEWED, SKIPPED, Attempt
from sip2d.batch.pipeline import Pipeline
from sip2d.batch.preflight import Server, Unfit
from sip2d.client.dialogue import LineFault, LinkBroken, NoAnswer, Reply
from sip2d.wire.kinds import instant, stamp
from sip2d.wire.messages import (
    AcsStatus,
    ItemInformation,
    ItemInformationResponse,
    Renew,
    RenewResponse,
    Request,
)

PAUSES: Final = (0.0, 1.0, 3.0)
"""Seconds before each try to open a line again."""
SILENT_LINES: Final = 2
CUT_LINES: Final = 5
MOST_FAULTS: Final = 10
HINT_AFTER: Final = 20
HINT_SHARE: Final = 0.25
LAST: Final = 10


class Progress(msgspec.Struct, frozen=True):
    """How far it is. ``last`` are the ten most recent attempts, the newest last (BR-39)."""

    total: int
    renewed: int
    skipped: int
    failed: int
    last: tuple[Attempt, ...]

    @property
    def attempted(self) -> int:
        """All with an outcome."""
        return self.renewed + self.skipped + self.failed

    @property
    def percent(self) -> int:
        """Of the rows, rounded down."""
        return self.attempted * 100 // self.total if self.total else 100

    @property
    def poor(self) -> bool:
        """Whether so many were not renewed that the sheet may be wrong (BR-40)."""
        missed = self.skipped + self.failed
        return self.attempted >= HINT_AFTER and missed > HINT_SHARE * self.attempted


class Ending(msgspec.Struct, frozen=True):
    """How it ended: ``cancelled``, ``fault`` (the rest can be resumed), or neither: all were attempted."""

    progress: Progress
    cancelled: bool = False
    fault: Unfit | None = None


Told = Callable[[Progress], None]


async def run(
    journal: Journal, server: Server, *, told: Told = lambda _: None, cancelled: Callable[[], bool] = bool
) -> Ending:
    """Attempts every row that has no outcome yet. ``told`` after each answer; ``cancelled`` is asked before
    anything is sent, what is under way is waited for.
    """
    sender = _Sender(journal, server, told, cancelled)
    fault: Unfit | None = None
    try:
        await sender.work()
    except Unfit as unfit:
        fault = unfit
    finally:
        journal.flush()
        await sender.hang_up()
    return Ending(sender.progress, fault is None and journal.attempted < journal.total, fault)


class _Sender:
    """See the module."""

    def __init__(self, journal: Journal, server: Server, told: Told, cancelled: Callable[[], bool]) -> None:
        self._journal, self._server, self._told, self._cancelled = journal, server, told, cancelled
        self._zone = ZoneInfo(journal.header.zone)
        self._todo: Iterator[Todo] = journal.todo()
        self._again: deque[Todo] = deque()  # before the rest of the rows
        self._flight: deque[tuple[Todo, asyncio.Future[Reply]]] = deque()
        self._line: Pipeline | None = None
        self._status: AcsStatus | None = None
        self._proven = False  # a first answer was no refusal of everything
        self._alone = False  # what is under way was asked before: nothing goes along with it
        self._silent = 0  # rows given up since the last answer
        self._faults = 0  # lines lost since then
        self._last: deque[Attempt] = deque(maxlen=LAST)

    @property
    def progress(self) -> Progress:
        """As it is now."""
        counts = self._journal.counts
        return Progress(
            self._journal.total, counts[RENEWED], counts[SKIPPED], counts[FAILED], tuple(self._last)
        )

    async def work(self) -> None:
        """Until all is done or cancelled. Raises ``Unfit``."""
        await self._connect(first=True)
        while True:
            try:
                await self._fill()
                if not self._flight:
                    return
                todo, future = self._flight[0]
                reply = await future
                self._check(todo, reply)
                self._flight.popleft()
                self._answered(todo, reply)
            except LineFault as fault:
                await self._lost(fault)

    async def hang_up(self) -> None:
        """Ends the line."""
        if self._line is not None:
            await self._line.close()
            self._line = None

    # -- sending ---------------------------------------------------------------------------------------------

    def _take(self) -> Todo | None:
        return self._again.popleft() if self._again else next(self._todo, None)

    async def _fill(self) -> None:
        """Sends what the window has room for."""
        width = self._server.width if self._proven else 1
        if self._flight and (self._alone or len(self._flight) > width // 2):
            return
        self._alone = False
        if self._cancelled():
            return
        todos: list[Todo] = []
        while len(self._flight) + len(todos) < width and (todo := self._take()) is not None:
            if todo.asked_at and (self._flight or todos):
                self._again.appendleft(todo)  # an open row goes alone
                break
            if todo.asked_at and not await self._may_ask(todo):
                continue
            todos.append(todo)
            if todo.asked_at:
                self._alone = True
                break
        if todos:
            self._send(todos)

    def _send(self, todos: list[Todo]) -> None:
        line = self._line
        assert line is not None
        if line.broken:  # nothing of it left: these are not open
            self._again.extendleft(reversed(todos))
            raise LineFault("the connection is closed")
        self._journal.intend(todos, int(datetime.now(UTC).timestamp()))
        try:
            futures = line.post([self._request(todo) for todo in todos])
        except LineFault:
            self._again.extendleft(reversed(todos))
            raise
        self._flight.extend(zip(todos, futures, strict=True))

    def _request(self, todo: Todo) -> Request:
        """BR-5. The date is that of the first time it was asked, so that a repeat is one (SP-21)."""
        row, status = todo.row, self._status
        at, due = utc_stamp(todo.asked_at), utc_stamp(row.due)
        if self._server.local_dates:
            at, due = (
                stamp(datetime.fromtimestamp(second, UTC), self._zone) for second in (todo.asked_at, row.due)
            )
        return Renew(
            False, True, at, due, self._institution(status), row.patron, None, row.item, terminal_password=""
        )

    def _institution(self, status: AcsStatus | None) -> str:
        if self._server.institution is not None:
            return self._server.institution
        return status.institution_id if status else ""

    # -- answers ---------------------------------------------------------------------------------------------

    def _check(self, todo: Todo, reply: Reply) -> None:
        """sip2d names the loan it answers for. Raises ``LinkBroken`` where that is another."""
        answer = reply.response
        if self._server.foreign or not isinstance(answer, RenewResponse):
            return
        if (answer.patron_id, answer.item_id) != (todo.row.patron, todo.row.item):
            raise LinkBroken("an answer names another loan")

    def _answered(self, todo: Todo, reply: Reply) -> None:
        attempt = outcome.of_answer(todo.row, todo.asked_at, reply.response)
        if not self._proven and attempt.code in outcome.GATES:
            self._journal.withdraw(todo.number)
            assert self._status is not None
            raise preflight.misconfigured(attempt.code, attempt.message, self._server, self._status)
        self._proven, self._silent, self._faults = True, 0, 0
        self._settle(todo, attempt)

    def _settle(self, todo: Todo, attempt: Attempt) -> None:
        self._journal.settle(todo.number, attempt)
        self._last.append(attempt)
        self._told(self.progress)

    # -- a lost line -----------------------------------------------------------------------------------------

    async def _lost(self, fault: LineFault) -> None:
        """Takes back what was under way and opens another line. Raises ``Unfit``."""
        for _, future in self._flight:
            if future.done() and not future.cancelled():
                future.exception()  # looked at: the fault is known already
        back = [todo for todo, _ in self._flight]
        self._flight.clear()
        self._again.extendleft(reversed(back))
        if self._line is not None:
            self._line.abort()
            self._line = None
        if self._cancelled():
            return
        self._faults += 1
        if self._faults > MOST_FAULTS:
            raise Unfit(f"The connection is lost again and again ({fault}); the rest can be resumed.")
        head = back[0] if back else None
        if head is not None:
            head.lines += 1
            silent = isinstance(fault, NoAnswer) and len(back) == 1
            if head.lines >= CUT_LINES or (silent and head.lines >= SILENT_LINES):
                self._give_up(head)
        await self._connect()

    def _give_up(self, head: Todo) -> None:
        if self._silent:
            raise Unfit("The server does not answer any more; what is left can be resumed.")
        self._silent += 1
        self._again.popleft()
        text = "No answer; it may have been renewed."
        self._settle(head, Attempt(head.row, head.asked_at, FAILED, outcome.NO_RESPONSE, text))

    async def _connect(self, *, first: bool = False) -> None:
        *pauses, last = PAUSES[:1] if first else PAUSES
        for pause in pauses:
            await asyncio.sleep(pause)
            try:
                self._line, self._status = await preflight.line(self._server)
                return
            except Unfit:
                pass  # the last try says why
        await asyncio.sleep(last)
        self._line, self._status = await preflight.line(self._server)

    # -- open rows of another server -------------------------------------------------------------------------

    async def _may_ask(self, todo: Todo) -> bool:
        """Whether an open row may be asked for (again); otherwise it is settled here."""
        if not self._server.foreign or self._server.resend:
            return True
        assert self._line is not None
        request = ItemInformation(
            stamp(datetime.now(UTC), self._zone), self._institution(self._status), todo.row.item,
            terminal_password="",
        )  # fmt: skip
        try:
            (future,) = self._line.post([request])
            response = (await future).response
        except LineFault:
            self._again.appendleft(todo)
            raise
        due = response.due_date if isinstance(response, ItemInformationResponse) else None
        at = instant(due, self._zone) if due and due.strip() else None
        if at is None:
            text = "It was sent, and no answer came: look it up there, or --resend."
            self._settle(todo, Attempt(todo.row, todo.asked_at, FAILED, outcome.UNKNOWN, text))
        elif int(at.timestamp()) // 60 == todo.row.due // 60:
            text = "The answer was lost; the item has the due date asked for."
            self._settle(todo, Attempt(todo.row, todo.asked_at, RENEWED, "FOUND", text, due or ""))
        else:
            return True
        return False
