"""The store: threads that run units, so that the event loop never waits for SQL.

SQLite has one writer (what queued until the COMMIT is one group: several times the units a second at 50
kiosks, nothing lost at one) and one reader (a batch shares one snapshot). PostgreSQL has a few of each, one
write one transaction; a lane always goes to the same thread, so its units keep their order.
Writes and reads are two roads: who must read what he wrote waits for the write to be done.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Engine, text

from sip2d.errors import OutcomeUnknown, StoreBusy, StoreUnavailable
from sip2d.store.engine import POSTGRESQL, SQLITE, fsync_folder, open_engine, sqlite_path
from sip2d.store.epoch import Libraries
from sip2d.store.health import Health, Stats
from sip2d.store.keeper import Keeper
from sip2d.store.link import Link, Meaning, Undecided, meaning, open_link
from sip2d.store.transact import Job, Outcome, Task, Transactor
from sip2d.store.unit import Unit

T = TypeVar("T")
Done = Callable[[T | None, BaseException | None], None]
Post = Callable[[Callable[[], None]], object]

GROUP = 64
READERS = {SQLITE: 1, POSTGRESQL: 2}
WRITERS = {SQLITE: 1, POSTGRESQL: 4}

log = logging.getLogger(__name__)


class Worker(threading.Thread):
    """One thread with one queue and one connection."""

    def __init__(self, name: str, transactor: Transactor, group: int, post: Post | None) -> None:
        super().__init__(name=name, daemon=True)
        self.queue: SimpleQueue[Job | None] = SimpleQueue()
        self.transactor = transactor
        self._group = group
        self._post = post
        self._stopped = False

    def run(self) -> None:
        while not self._stopped:
            if jobs := self._first():
                self._join(jobs, self._group)
                self._deliver(jobs, self.transactor.serve(jobs, partial(self._join, jobs, self._group)))
            if self.transactor.away is not None and (waiting := self._join([], self.queue.qsize())):
                self._deliver(waiting, self.transactor.refuse(waiting))
        self.transactor.close()

    def _join(self, jobs: list[Job], most: int) -> list[Job]:
        """Add what waits now, until there are so many."""
        with suppress(Empty):
            while len(jobs) < most and not self._stopped:
                if (job := self.queue.get_nowait()) is None:
                    self._stopped = True
                else:
                    jobs.append(job)
        return jobs

    def _first(self) -> list[Job]:
        """The next, waited for; none when there will be none any more."""
        job = self.queue.get()
        self._stopped = job is None
        return [] if job is None else [job]

    def _deliver(self, jobs: list[Job], outcomes: list[Outcome]) -> None:
        def tell() -> None:
            for job, (value, fault) in zip(jobs, outcomes, strict=True):
                try:
                    job.done(value, fault)
                except Exception:  # one receiver's defect is not his neighbours'
                    log.exception("store.receiver_failed")

        try:
            if self._post is None:
                tell()
            else:
                self._post(tell)
        except RuntimeError:  # the event loop is closed: nobody listens any more
            log.warning("store.nobody_listens")


class Store:
    """See the module. `open` checks nothing: a database that is away is noticed with the first unit, and
    comes back by itself.
    """

    def __init__(
        self,
        engine: Engine,
        url: str,
        post: Post | None,
        max_queue: int,
        readers: int,
        writers: int,
        group: int,
    ) -> None:
        self._engine = engine
        self._path = sqlite_path(url)
        self._post = post
        self._max_queue = max_queue
        self._group = group
        self._counts = {True: writers, False: readers}
        self._libraries = Libraries()
        self._health = Health()
        self._workers: dict[bool, list[Worker]] = {True: [], False: []}
        self._lock = threading.Lock()
        self._keeper: Keeper | None = None
        self._closed = False
        self._spare: Link | None = None

    @classmethod
    def open(cls, url: str, *, post: Post | None = None, max_queue: int = 4096, readers: int | None = None,
             writers: int | None = None, group: int = GROUP) -> "Store":  # fmt: skip
        """The store of a database URL (ConfigurationError). Threads start with the first `submit`.

        ``post`` runs a callback on the receiver's thread (`loop.call_soon_threadsafe`); without it `done`
        is called on the store's. ``max_queue`` bounds what may wait for one thread. ``group=1`` commits
        every unit by itself.
        """
        engine = open_engine(url)
        dialect = engine.dialect.name
        readers = readers or READERS[dialect]
        writers = 1 if dialect == SQLITE else writers or WRITERS[dialect]
        return cls(engine, url, post, max_queue, readers, writers, group)

    # -- asynchronous: the daemon
    # -----------------------------------------------------------------------------------------------------

    def submit(
        self, writes: bool, name: str, work: Callable[[Unit], T], done: Done[T], lane: int = 0
    ) -> None:
        """Queue a unit made of functions; see `send`."""
        self.send(writes, Task(name, work, done), lane)

    def send(self, writes: bool, job: Job, lane: int = 0) -> None:
        """Queue a job; its `done(value, fault)` is called once, after COMMIT. Never blocks. StoreBusy,
        StoreUnavailable when closed.

        `fault` is what `work` raised (its unit is rolled back), StoreUnavailable (nothing happened) or
        OutcomeUnknown.
        """
        workers = self._workers[writes] or self._start(writes)
        queue = workers[lane % len(workers)].queue
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if queue.qsize() >= self._max_queue:
            self._health.answered(1, 0)
            raise StoreBusy("too much waits for the database")
        queue.put(job)

    def _start(self, writes: bool) -> list[Worker]:
        with self._lock:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            if not self._workers[writes]:
                kind = "writer" if writes else "reader"
                self._workers[writes] = [
                    self._worker(f"sip2d-{kind}-{n}", writes) for n in range(self._counts[writes])
                ]
            if self._keeper is None:
                self._keeper = Keeper(self._engine, self._path, self._health, self.ping)
                self._keeper.start()
            return self._workers[writes]

    def _worker(self, name: str, writes: bool) -> Worker:
        group = 1 if writes and self._engine.dialect.name == POSTGRESQL else self._group
        transactor = Transactor(
            self._engine, self._libraries, self._health, writes, self._own_write if writes else _own_read
        )
        worker = Worker(name, transactor, group, self._post)
        worker.start()
        return worker

    def _own_write(self, link: Link) -> None:
        """The writer's connection never checkpoints: the keeper does (p99 11 -> 3 ms)."""
        if self._path is not None:
            link.core.exec_driver_sql("PRAGMA wal_autocheckpoint=0")
            fsync_folder(self._path.resolve().parent)

    def close(self) -> None:
        """Serve what waits, then end the threads and connections. What is submitted afterwards is refused."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            workers = [*self._workers[True], *self._workers[False]]
        for worker in workers:
            worker.transactor.hurry()
            worker.queue.put(None)
        for worker in workers:
            worker.join()
        if self._keeper is not None:
            self._keeper.stop()
        if self._spare is not None:
            self._spare.close()
        self._engine.dispose()

    # -- synchronous: CLI, jobs, tests
    # ------------------------------------------------------------------------------------------------

    @contextmanager
    def unit(self, name: str, writes: bool = True) -> Iterator[Unit]:
        """One transaction in the caller's own thread, on a connection that nobody else uses meanwhile;
        commits at the end, rolls back on an exception.

        StoreUnavailable (nothing happened), OutcomeUnknown. It is not tried again: the caller may.
        """
        started = time.perf_counter()
        link, unit = self._begin(writes)
        try:
            with _explained():
                yield unit
                if writes:
                    unit.settle()
                    link.commit()
        finally:
            link.rollback()
            self._put_by(link)
        self._health.took(name, time.perf_counter() - started)

    def _begin(self, writes: bool) -> tuple[Link, Unit]:
        """On the link that was put by, where the database still holds its other end."""
        with _explained():
            while True:
                with self._lock:
                    spare, self._spare = self._spare, None
                link = spare or open_link(self._engine, self._libraries)
                try:
                    return link, link.begin(writes)
                except Exception:
                    link.close()
                    if spare is None:
                        raise

    def _put_by(self, link: Link) -> None:
        """Keep one connection to PostgreSQL, which costs 5 ms; a SQLite file is opened in less than one."""
        with self._lock:
            kept = link.usable and link.dialect == POSTGRESQL and self._spare is None and not self._closed
            if kept:
                self._spare = link
        if not kept:
            link.close()

    def call(self, writes: bool, name: str, work: Callable[[Unit], T], lane: int = 0) -> T:
        """`submit`, and wait: a unit between those of the kiosks. Not from the thread that ``post`` posts to.

        Raises what `work` raised, StoreBusy, StoreUnavailable, OutcomeUnknown.
        """
        answer: Future[Any] = Future()

        def done(value: T | None, fault: BaseException | None) -> None:
            if fault is None:
                answer.set_result(value)
            else:
                answer.set_exception(fault)

        self.submit(writes, name, work, done, lane)
        value: T = answer.result()
        return value

    # -- how it goes ---------------------------------------------------------------------------------------

    @property
    def healthy(self) -> bool:
        """Whether the last attempts to read and to write went well; while not, the keeper tries once a
        second.
        """
        return self._health.good

    @property
    def able(self) -> tuple[bool, bool]:
        """Whether the last attempt to read went well, and the last to write (a full disk can still be
        read)."""
        return self._health.reads, self._health.writes

    def ping(self) -> bool:
        """Write durably without changing anything, now, in the caller's thread; sets and returns
        `healthy`.
        """
        started = time.perf_counter()
        try:
            with self.unit("ping") as unit:
                unit.core.execute(text("UPDATE library_epoch SET epoch = epoch"))
        except (StoreUnavailable, OutcomeUnknown) as fault:
            self._health.failed(True, str(fault))
            return False
        self._health.went_well(True, 1, time.perf_counter() - started)
        return self._health.good

    @property
    def stats(self) -> Stats:
        """Queue lengths and last durations, for metrics."""
        waiting = {kind: sum(w.queue.qsize() for w in workers) for kind, workers in self._workers.items()}
        return self._health.stats(waiting[True], waiting[False])

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *exc: Any) -> None:
        self.close()


def _own_read(link: Link) -> None:
    """A reader cannot write by mistake (PostgreSQL: READ ONLY transactions)."""
    if link.dialect == SQLITE:
        link.core.exec_driver_sql("PRAGMA query_only=ON")


@contextmanager
def _explained() -> Iterator[None]:
    """The database's absence as our own fault; everything else as it is."""
    try:
        yield
    except Undecided as undecided:
        raise OutcomeUnknown("no answer to COMMIT") from undecided
    except Exception as fault:
        if meaning(fault) is Meaning.OWN or isinstance(fault, StoreUnavailable):
            raise
        raise StoreUnavailable(type(fault).__name__) from fault
