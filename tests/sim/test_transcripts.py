"""Every transcript, in process and over TCP, on both databases (issue 8.1)."""

import asyncio
from pathlib import Path

import pytest
import uvloop

from tests.sim.house import InProcess, OverTcp
from tests.store.seed import seeded
from tests.support.databases import Databases
from tests.support.transcripts import FOLDER, Clock, Player

FILES = sorted(FOLDER.glob("*.sip"))


def test_there_are_transcripts() -> None:
    assert len(FILES) > 10


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_in_process(file: Path, databases: Databases) -> None:
    async def play() -> None:
        clock = Clock()
        place = InProcess(databases.fresh(seeded), clock)
        try:
            await Player(file, place, clock).play()
        finally:
            await place.close()

    asyncio.run(play())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_over_tcp(file: Path, databases: Databases) -> None:
    async def play() -> None:
        clock = Clock()
        place = OverTcp(databases.fresh(seeded), clock)
        try:
            await Player(file, place, clock).play()
        finally:
            await place.close()

    uvloop.run(play())
