"""Servers that are not sip2d: one request at a time, and nothing asked twice without a look (BR-5, BR-44)."""

from pathlib import Path

import pytest

from sip2d.batch import runner
from sip2d.batch.journal import Journal
from sip2d.batch.outcome import FAILED, RENEWED
from sip2d.batch.preflight import Server
from sip2d.batch.runner import Ending
from tests.batch import places
from tests.batch.elsewhere import DATE, Elsewhere

DUE = 1_924_988_399  # 2030-12-31T23:59:59 in Paris
OTHER = "20260401    235959"


def yes(body: str) -> str:
    barcode = body.partition("|AB")[2].partition("|")[0]
    return f"301YUN{DATE}AOELSE|AAp|AB{barcode}|AJTitle|AH20301231    235959|"


def item_information(due: str) -> str:
    ah = f"AH{due}|" if due else ""
    return f"18040001{DATE}{ah}ABx|AJTitle|"


async def batch(
    path: Path, elsewhere: Elsewhere, count: int = 3, *, resend: bool = False, local_dates: bool = False
) -> tuple[Ending, list[str]]:
    server = Server(
        host="127.0.0.1", port=elsewhere.port, user="u", password="p", foreign=True, timeout=0.3, retries=1,
        resend=resend, local_dates=local_dates,
    )  # fmt: skip
    with Journal(places.journal(path / "a.batch", places.all_loans(count), DUE)) as journal:
        ending = await runner.run(journal, server)
        return ending, [f"{attempt.outcome} {attempt.code}" for attempt in journal.attempts()]


async def test_one_at_a_time_in_utc(tmp_path: Path) -> None:
    """BR-5: no block, due date in UTC, AO of 98, empty AC; each row once."""
    async with Elsewhere(yes) as elsewhere:
        ending, told = await batch(tmp_path, elsewhere)
    assert (ending.fault, told) == (None, [f"{RENEWED} OK"] * 3)
    assert len(elsewhere.asked) == 3
    first = elsewhere.asked[0]
    assert first.startswith("29NY")
    assert first[22:40] == "20301231   Z225959"
    assert f"AOELSE|AA{places.patron(0)}|AB{places.item(0)}|AC|" in first


@pytest.mark.parametrize("window", [1, 4])
async def test_no_row_is_journaled_before_it_leaves(tmp_path: Path, window: int) -> None:
    """1.3: a row in the journal that never left would be looked up, or given up, after a kill."""
    path = places.journal(tmp_path / "a.batch", places.all_loans(20), DUE)
    unsent = []

    def answer(body: str) -> str:
        with Journal(path, writes=False) as journal:
            unsent.append(journal.open + journal.attempted - len(elsewhere.asked))
        return yes(body)

    async with Elsewhere(answer) as elsewhere:
        server = Server(host="127.0.0.1", port=elsewhere.port, user="u", password="p", foreign=True,
                        window=window)  # fmt: skip
        with Journal(path) as journal:
            ending = await runner.run(journal, server)
    assert ending.progress.renewed == 20
    assert max(unsent) == window - 1


async def test_dates_without_a_zone(tmp_path: Path) -> None:
    """Dialect: local time of the batch's zone, for servers that know no zones."""
    async with Elsewhere(yes) as elsewhere:
        await batch(tmp_path, elsewhere, local_dates=True)
    assert elsewhere.asked[0][22:40] == "20301231    235959"


@pytest.mark.parametrize(
    ("due", "resend", "told", "sent"),
    [
        ("20301231    235959", False, f"{RENEWED} FOUND", 1),
        (OTHER, False, f"{RENEWED} OK", 2),
        ("", False, f"{FAILED} UNKNOWN", 1),
        ("", True, f"{RENEWED} OK", 2),
    ],
)
async def test_a_lost_answer_is_looked_up(
    tmp_path: Path, due: str, resend: bool, told: str, sent: int
) -> None:
    """1.3: the item's due date tells whether it was renewed; where nothing tells, it is not sent again."""
    uncut = [places.item(1)]

    def answer(body: str) -> str | None:
        if body.startswith("17"):
            return item_information(due)
        if uncut and uncut[0] in body:
            uncut.clear()
            return ""
        return yes(body)

    async with Elsewhere(answer) as elsewhere:
        ending, outcomes = await batch(tmp_path, elsewhere, resend=resend)
    assert ending.fault is None
    assert outcomes == [f"{RENEWED} OK", told, f"{RENEWED} OK"]
    asked = [body for body in elsewhere.asked if body.startswith("29") and places.item(1) in body]
    assert len(asked) == sent
    assert len({body[4:40] for body in asked}) == 1, "asked again with another date"


async def test_a_row_without_answer(tmp_path: Path) -> None:
    """BR-44: sent again with the same digit, the line opened again, then NO_RESPONSE; the others go on."""

    def answer(body: str) -> str | None:
        return None if places.item(1) in body else yes(body)

    async with Elsewhere(answer) as elsewhere:
        ending, outcomes = await batch(tmp_path, elsewhere, resend=True)
    assert ending.fault is None
    assert outcomes == [f"{RENEWED} OK", f"{FAILED} NO_RESPONSE", f"{RENEWED} OK"]
    assert len([body for body in elsewhere.asked if places.item(1) in body]) == 4


async def test_a_server_that_falls_silent(tmp_path: Path) -> None:
    """CN-13, BR-44: after two rows without an answer the rest is kept for later."""

    def answer(body: str) -> str | None:
        return yes(body) if places.item(0) in body else None

    async with Elsewhere(answer) as elsewhere:
        ending, outcomes = await batch(tmp_path, elsewhere, 5, resend=True)
    assert "does not answer any more" in str(ending.fault)
    assert outcomes == [f"{RENEWED} OK", f"{FAILED} NO_RESPONSE", " "]
