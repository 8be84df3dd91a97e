"""Sends a batch: rows out of the journal, message 29 with no block, outcomes into the journal (BR-5, BR-39,
BR-40, BR-44).

Theory of operation
-------------------

Rows go in the order of the sheet and are settled in that order, ``Server.width`` of them under way. Before
any leaves, its intent is on the disk; half a window is the least that is written down at once, so that a wait
for the disk is shared by many. The first row goes alone: where it is refused as all would be, nothing else is
sent (BR-17).

sip2d commits a window as one group and answers it at once, so while it works the next window is made ready:
in the journal, and built. It leaves as soon as answers are there, before they are settled: otherwise the
server waits for us 1.4 ms of every 10. What was made ready and never left is withdrawn.

When the line is lost, rows without an answer are *open*. A new line is opened, and open rows are asked for
one at a time, then the window is wide again:

* sip2d gets the same frame again, and answers what it did (SP-21, BR-18).
* Another server is asked for the item first (17); its due date tells whether the renewal happened. Where
  that does not tell, the row is FAILED with the code UNKNOWN and never sent twice, except with ``resend``.

A server that says it cannot work just now is asked once more, on a new line; where its 98 says so too, the
batch ends and can be resumed.

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
from sip2d.wire import codec
from sip2d.wire.kinds import instant, stamp
from sip2d.wire.messages import (
    AcsStatus,
    ItemInformation,
    ItemInformationResponse,
    Renew,
    RenewResponse,
)

PAUSES: Final = (0.0, 1.0, 3.0)
"""Seconds before each try to open a line again."""
HANG_UP_SECONDS: Final = 2.0
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
Ready = tuple[Todo, bytes]
"""A row, and the body of its frame."""


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
        sender.take_back()
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
        self._ready: deque[Ready] = deque()  # in the journal and built, before the rest as well
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
                if not future.done():
                    self._look_ahead()
                reply = await future
                self._check(todo, reply)
                self._flight.popleft()
                self._answered(todo, reply)
            except LineFault as fault:
                await self._lost(fault)

    async def hang_up(self) -> None:
        """Ends the line; a peer that is not heard of any more is not waited for."""
        line, self._line = self._line, None
        if line is None:
            return
        try:
            async with asyncio.timeout(0 if self._flight else HANG_UP_SECONDS):
                await line.close()
        except TimeoutError:
            line.abort()

    # -- sending ---------------------------------------------------------------------------------------------

    @property
    def _width(self) -> int:
        return self._server.width if self._proven else 1

    @property
    def _room(self) -> int:
        """How many may leave now. What is answered is under way no more, although it is not settled yet."""
        width = self._width
        if width == 1:
            return 0 if self._flight else 1
        return width - sum(not future.done() for _, future in self._flight)

    @property
    def _least(self) -> int:
        """What is ready waits for no disk, so an eighth of the window is enough (4 % of the rate)."""
        return max(self._width // 8, 1) if self._ready else (self._width + 1) // 2

    def _take(self) -> Todo | None:
        return self._again.popleft() if self._again else next(self._todo, None)

    async def _fill(self) -> None:
        """Sends what the window has room for, if it is enough."""
        room = self._room
        if self._flight and (self._alone or room < self._least):
            return
        if self._cancelled():
            return
        line = self._line
        assert line is not None
        if line.broken:
            if self._flight:  # what came before it broke is settled first
                return
            raise LineFault("the connection is closed")
        self._alone = False
        if not (self._flight or self._ready) and await self._ask_again():
            return
        if not self._ready:
            self._make_ready(self._width if self._ahead else room)
        pairs = [self._ready.popleft() for _ in range(min(room, len(self._ready)))]
        if pairs:
            self._post(pairs)

    async def _ask_again(self) -> bool:
        """Sends the next row if it is an open one: it goes alone. Whether it did."""
        while (todo := self._take()) is not None:
            if not todo.asked_at:
                self._again.appendleft(todo)
                return False
            if await self._may_ask(todo):
                self._alone = True
                self._journal.intend([todo], todo.asked_at)
                self._post([(todo, self._request(todo))])
                return True
        return False

    @property
    def _ahead(self) -> bool:
        """Whether rows may be in the journal that do not leave at once: where asking again does no harm."""
        return self._width > 1 and not self._server.foreign

    def _look_ahead(self) -> None:
        """The server works on what it has: now nobody waits for our disk."""
        if self._ahead and not self._alone and len(self._ready) < self._width // 2 and not self._cancelled():
            self._make_ready(self._width)

    def _make_ready(self, most: int) -> None:
        """Journals and builds the next rows, so many at most are ready then; an open row is none of them."""
        todos: list[Todo] = []
        while len(self._ready) + len(todos) < most and (todo := self._take()) is not None:
            if todo.asked_at:
                self._again.appendleft(todo)
                break
            todos.append(todo)
        if todos:
            self._journal.intend(todos, int(datetime.now(UTC).timestamp()))
            self._ready.extend((todo, self._request(todo)) for todo in todos)

    def take_back(self) -> None:
        """What was made ready and never left is as if it had not been."""
        for todo, _ in self._ready:
            self._journal.withdraw(todo.number)
            todo.asked_at = 0
        self._again.extendleft(todo for todo, _ in reversed(self._ready))
        self._ready.clear()

    def _post(self, pairs: list[Ready]) -> None:
        line = self._line
        assert line is not None
        try:
            futures = line.post([body for _, body in pairs])
        except LineFault:
            self._again.extendleft(todo for todo, _ in reversed(pairs))
            raise
        self._flight.extend((todo, future) for (todo, _), future in zip(pairs, futures, strict=True))

    def _request(self, todo: Todo) -> bytes:
        """The body of a 29 (BR-5). Its date is that of the first time it was asked, so that a repeat is one
        (SP-21)."""
        row, status = todo.row, self._status
        at, due = utc_stamp(todo.asked_at), utc_stamp(row.due)
        if self._server.local_dates:
            at, due = (
                stamp(datetime.fromtimestamp(second, UTC), self._zone) for second in (todo.asked_at, row.due)
            )
        request = Renew(
            False, True, at, due, self._institution(status), row.patron, None, row.item, terminal_password=""
        )
        return codec.build(request, self._server.profile)

    def _institution(self, status: AcsStatus | None) -> str:
        if self._server.institution is not None:
            return self._server.institution
        return status.institution_id if status else ""

    # -- answers ---------------------------------------------------------------------------------------------

    def _check(self, todo: Todo, reply: Reply) -> None:
        """sip2d names the loan it answers for, and says where it cannot work just now. Raises ``LinkBroken``
        where the answer settles nothing."""
        answer = reply.response
        if self._server.foreign or not isinstance(answer, RenewResponse):
            return
        if (answer.patron_id, answer.item_id) != (todo.row.patron, todo.row.item):
            raise LinkBroken("an answer names another loan")
        # Once, as nothing was done: the next line's 98 says whether the server is able to anything at all.
        if not (answer.ok or todo.lines) and outcome.scenario(answer) == outcome.SYSTEM_ERROR:
            raise LinkBroken("the server cannot work just now")

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
        self.take_back()
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
