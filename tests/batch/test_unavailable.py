"""A server that says it cannot work just now has done nothing: the row is asked for again (issue 4, 1.3)."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from sip2d.batch import runner
from sip2d.batch.journal import Journal
from sip2d.batch.outcome import FAILED, RENEWED
from sip2d.batch.preflight import Server
from sip2d.batch.runner import Ending
from tests.batch import places
from tests.batch.elsewhere import DATE, Elsewhere

DUE = 1_924_988_399
ROWS = 4


def said(body: str, *, ok: bool) -> str:
    """A 30 as sip2d writes it."""
    patron, item = (body.partition(f"|{name}")[2].partition("|")[0] for name in ("AA", "AB"))
    text = "Renewed until 2030-12-31 23:59." if ok else "System temporarily unavailable."
    return f"30{'1YUN' if ok else '0NUN'}{DATE}AOMAIN|AA{patron}|AB{item}|AJT|AH20301231    235959|AF{text}|"


async def batch(path: Path, answer: Callable[[str], str | None]) -> tuple[Ending, list[str], list[str]]:
    async with Elsewhere(answer) as elsewhere:
        server = Server(
            host="127.0.0.1", port=elsewhere.port, user="u", password="p", window=1, timeout=2.0, retries=1
        )
        with Journal(places.journal(path / "a.batch", places.all_loans(ROWS), DUE)) as journal:
            ending = await runner.run(journal, server)
            return ending, [f"{one.outcome} {one.code}" for one in journal.attempts()], elsewhere.asked


async def test_it_is_asked_again_with_the_same_frame(tmp_path: Path) -> None:
    """BR-18, SP-21: on a new line."""
    times: Counter[str] = Counter()

    def answer(body: str) -> str:
        times[body] += 1
        return said(body, ok=places.item(1) not in body or times[body] > 1)

    ending, told, asked = await batch(tmp_path, answer)
    assert (ending.fault, told) == (None, [f"{RENEWED} OK"] * ROWS)
    assert sorted(times.values()) == [1, 1, 1, 2]
    assert len(asked) == ROWS + 1


async def test_a_row_that_never_works_fails_alone(tmp_path: Path) -> None:
    ending, told, asked = await batch(tmp_path, lambda body: said(body, ok=places.item(2) not in body))
    assert ending.fault is None
    assert told == [f"{RENEWED} OK"] * 2 + [f"{FAILED} SYSTEM_ERROR"] + [f"{RENEWED} OK"]
    assert len(asked) == ROWS + 1


async def test_a_server_whose_98_says_so_too_ends_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BR-41: what is left can be resumed, and nothing has failed."""
    monkeypatch.setattr(runner, "PAUSES", (0.0, 0.0))
    logins = 0

    class Dying(Elsewhere):
        def _said(self, body: str) -> str | None:
            nonlocal logins
            told = super()._said(body)
            if body.startswith("99"):
                logins += 1
                return told if logins == 1 or told is None else told.replace("98Y", "98N", 1)
            return told

    async with Dying(lambda body: said(body, ok=places.item(1) not in body)) as elsewhere:
        server = Server(host="127.0.0.1", port=elsewhere.port, user="u", password="p", window=1, timeout=2.0)
        path = places.journal(tmp_path / "a.batch", places.all_loans(ROWS), DUE)
        with Journal(path) as journal:
            ending = await runner.run(journal, server)
            assert (journal.attempted, journal.open) == (1, 1)
    assert "not on line" in str(ending.fault)
    async with Elsewhere(lambda body: said(body, ok=True)) as elsewhere:
        server = Server(host="127.0.0.1", port=elsewhere.port, user="u", password="p", window=1, timeout=2.0)
        with Journal(path) as journal:
            assert (await runner.run(journal, server)).progress.renewed == ROWS
