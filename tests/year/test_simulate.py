"""`sip2d simulate`: days of a town for a person to read (issue 3, 2.3)."""

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sip2d.__main__ import main
from sip2d.cli import exits
from sip2d.store import blocks, books
from sip2d.store.executor import Store
from tests.support.databases import Databases

TITLES = (
    "At the counters", "In the night", "Loans", "Money, in cents", "Blocks, by how they came", "Memberships",
    "Notices", "Notices, by state",
)  # fmt: skip


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit code, what is for the pipe and what is for the eye."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["simulate", *arguments])
    return code, out.getvalue(), err.getvalue()


def small(*arguments: str) -> tuple[int, str, str]:
    """A hamlet: it is told in a second or two."""
    return run("--patrons", "30", "--items", "60", "--visits", "12", *arguments)


def test_it_says_what_happened() -> None:
    """Every table has its lines, and the money adds up to nothing."""
    code, out, err = small("--days", "30", "--start", "2026-04-01")
    assert code == 0
    assert out.startswith("30 days, ")
    assert "2026-04-30: 30 days," in err
    pages = dict(_pages(out))
    assert tuple(pages) == TITLES
    assert all(pages[title] for title in TITLES)
    assert sum(pages["Money, in cents"].values()) == 0
    assert pages["At the counters"]["lent"] == pages["Loans"]["LOAN"] - pages["At the counters"].get(
        "stored: lent", 0
    )
    assert {"snapshots", "fines", "remove-blocks", "delivery"} <= set(pages["In the night"])


def test_the_same_seed_is_the_same_town_and_another_is_another(tmp_path: Path) -> None:
    told = [small("--days", "4", "--seed", seed)[1] for seed in ("1", "1", "2")]
    assert told[0] == told[1]
    assert told[0] != told[2]


def test_a_database_is_kept_and_taken_once(databases: Databases) -> None:
    """On both kinds; a library that is there already is left alone."""
    url = databases.fresh()
    assert small("--days", "2", "--database", url)[0] == 0
    with Store.open(url) as store, store.unit("look", writes=False) as unit:
        assert {one.code for one in unit.library.institutions.values()} == {"TOWN", "COLLEGE"}
        assert books.findings(unit.core) == []
    code, out, err = small("--days", "2", "--database", url)
    assert (code, out) == (exits.CANNOT_CREATE, "")
    assert "empty" in err


def test_books_that_do_not_agree_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1; what happened until then is told all the same."""
    monkeypatch.setattr(books, "findings", lambda connection: ["Fee 1 stands at 2, its postings say 3."])
    code, out, err = small("--days", "5")
    assert code == exits.SOME_FAILED
    assert "On the morning of 2026-01-01: Fee 1 stands at 2, its postings say 3." in err
    assert out.startswith("0 days, 0 visits")


def test_a_job_that_fails_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> list[object]:
        raise ValueError("no such thing")

    monkeypatch.setattr(blocks, "expired", broken)
    code, _, err = small("--days", "2")
    assert code == exits.SOME_FAILED
    assert re.search(r"remove-blocks for TOWN at .*: FAILED ValueError: no such thing", err)


@pytest.mark.parametrize("arguments", [("--start", "soon"), ("--days", "0"), ("--visits", "1")])
def test_what_makes_no_sense_is_refused(arguments: tuple[str, str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (exits.USAGE, "")
    assert arguments[0] in err


def _pages(told: str) -> Iterator[tuple[str, dict[str, int]]]:
    """The counted lines under each title; in the night by their presence."""
    for part in told.split("\n\n")[1:]:
        title, *lines = part.splitlines()
        counted = {}
        for line in lines:
            name, _, number = line.strip().rpartition("  ")
            counted[name.strip()] = int(number.replace(",", "")) if title != "In the night" else 1
        yield title, counted
