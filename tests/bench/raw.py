"""The limit of the database: the store's statements of patron information in a bare loop."""

import itertools
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sip2d.store import loans, patrons
from sip2d.store.engine import SQLITE, prepare_pragmas
from sip2d.store.executor import Store
from sip2d.store.unit import Unit
from tests.bench import dataset, frames
from tests.bench.processes import GENERATOR_CORE, SERVER_CORE, pin_to

Asked = list[tuple[str, tuple[Any, ...]]]


def asked(url: str, numbers: list[int]) -> list[Asked]:
    """What the store asks the database for each of these patrons: read off by running it once."""
    now, found = datetime.now(UTC), []
    with Store.open(url) as store, store.unit("bench.asked", writes=False) as unit:
        institution = next(
            one.id for one in unit.library.institutions.values() if one.code == dataset.HOUSE.code
        )
        driver = unit.core.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        heard: Asked = []

        def execute(
            sql: str, params: tuple[Any, ...], ask: Callable[..., sqlite3.Cursor] = driver.execute
        ) -> sqlite3.Cursor:
            heard.append((sql, params))
            return ask(sql, params)

        listening = Unit(unit.library, unit.core, SQLITE, execute, False)
        for number in numbers:
            heard.clear()
            patron = patrons.find(listening, (institution,), dataset.patron_barcode(number), now)
            assert patron is not None
            loans.names_of_patron(listening, patron.id, now, "charged")
            found.append(heard.copy())
    return found


class RawReads:
    """A loop over them on one ``sqlite3`` connection in this process. ``cpu``: microseconds a patron, by
    round."""

    def __init__(self, path: Path) -> None:
        self._asked = asked(f"sqlite:///{path}", frames.patrons())
        self._turn = itertools.cycle(self._asked)
        self._connection = sqlite3.connect(path, isolation_level=None)
        prepare_pragmas(self._connection)
        self.cpu: list[float] = []

    @property
    def statements(self) -> float:
        """How many statements a patron costs."""
        return sum(map(len, self._asked)) / len(self._asked)

    def round(self, seconds: float) -> None:
        """One more round, on the servers' core."""
        pin_to(SERVER_CORE)
        execute, turn, done = self._connection.execute, self._turn, 0
        began, end = time.thread_time(), time.perf_counter() + seconds
        while time.perf_counter() < end:
            for one in itertools.islice(turn, 64):
                for sql, params in one:
                    execute(sql, params).fetchall()
            done += 64
        self.cpu.append((time.thread_time() - began) / done * 1e6)
        pin_to(GENERATOR_CORE)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
