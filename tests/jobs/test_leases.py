"""Who may run a job: leases on both databases, one unit after the other and at once (circulation.md 12)."""

import threading
from datetime import datetime, timedelta
from functools import partial

from sip2d.store import leases
from sip2d.store.executor import Store
from tests.jobs.plans import EVENING
from tests.support.desks import Room

SPAN = timedelta(seconds=100)


def test_only_what_has_run_out_is_another_s(room: Room) -> None:
    def take(holder: str, after: int) -> bool:
        now = EVENING + timedelta(seconds=after)
        return room.do(lambda unit: leases.acquire(unit, "fines", holder, now, SPAN))

    assert take("one", 0)
    assert not take("two", 99)
    assert not take("one", 99), "a second run of the same process is another run"
    assert take("two", 100)
    assert room.do(lambda unit: leases.holder_of(unit, "fines")) == "two"
    assert room.do(lambda unit: leases.acquire(unit, "losses", "one", EVENING, SPAN)), "another lease"


def test_renewed_by_its_holder_only_and_all_or_none(room: Room) -> None:
    def renew(holder: str, *names: str) -> bool:
        return room.do(lambda unit: leases.renew(unit, names, holder, EVENING + SPAN, SPAN))

    for name, holder in (("a", "one"), ("b", "one"), ("c", "two")):
        assert room.do(partial(leases.acquire, name=name, holder=holder, now=EVENING, span=SPAN))
    assert renew("one", "a", "b")
    assert not renew("one", "a", "c")
    assert not renew("two", "a")
    assert not renew("one", "never taken")
    late = EVENING + SPAN * 1.5
    assert not room.do(lambda unit: leases.acquire(unit, "a", "two", late, SPAN)), "it was renewed"


def test_given_up_by_its_holder_only(room: Room) -> None:
    room.do(lambda unit: leases.acquire(unit, "a", "one", EVENING, SPAN))
    room.do(lambda unit: leases.release(unit, "a", "two"))
    assert room.do(lambda unit: leases.holder_of(unit, "a")) == "one"
    room.do(lambda unit: leases.release(unit, "a", "one"))
    assert room.do(lambda unit: leases.holder_of(unit, "a")) is None
    assert room.do(lambda unit: leases.acquire(unit, "a", "two", EVENING, SPAN))


def test_of_several_at_once_one_gets_it(url: str) -> None:
    """Free, and run out: whoever comes first, and nobody fails."""
    with Store.open(url) as one, Store.open(url) as two, Store.open(url) as three:
        for moment in (EVENING, EVENING + SPAN):
            assert sorted(_race([one, two, three], moment)) == [False, False, True]


def _race(stores: list[Store], moment: datetime) -> list[bool]:
    got: list[bool] = []
    ready = threading.Barrier(len(stores))

    def take(store: Store, holder: str) -> None:
        ready.wait()
        work = partial(leases.acquire, name="fines", holder=holder, now=moment, span=SPAN)
        got.append(store.call(True, "take", work))

    threads = [
        threading.Thread(target=take, args=(store, str(number))) for number, store in enumerate(stores)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got
