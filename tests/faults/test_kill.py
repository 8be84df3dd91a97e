"""kill -9 under load: nothing acknowledged is lost, nothing is applied twice (issue 5.3, F1, G1, G2)."""

import random
from pathlib import Path

import pytest

from tests.faults import places
from tests.faults.load import Fleet
from tests.support.daemon import Daemon
from tests.support.databases import Databases, SqliteDatabases

KILLS = 10
EARLY = Path(__file__).with_name("early_answers.py")


@pytest.mark.timeout(300)  # takes 25 s; the machine may be busy
def test_whatever_was_acknowledged_survives_and_is_done_once(databases: Databases, tmp_path: Path) -> None:
    """Ten kills on each database, at moments drawn by lot; what has no answer is sent again each time."""
    seed = 20261
    url = databases.fresh(places.prepare)
    chance, fleet = random.Random(seed), Fleet(seed)
    daemon = Daemon(tmp_path, url)
    in_flight = 0
    for kill in range(KILLS):
        daemon.start()
        fleet.start(daemon.address)
        fleet.until(chance.choice((1, 7, 30, 90, 200)) + chance.randrange(30))
        daemon.kill()
        fleet.join()
        in_flight += fleet.unanswered
        assert fleet.findings(url) == [], f"after kill {kill} of seed {seed}"
    assert in_flight > KILLS, "the kills came when nobody waited for an answer: they proved nothing"
    with daemon.start():
        fleet.start(daemon.address)
        fleet.until(20)
        fleet.finish()
        assert fleet.unanswered == 0
        assert daemon.stop() == 0
    assert fleet.findings(url) == []
    assert fleet.refused == []


def test_the_checker_sees_an_answer_that_came_before_its_commit(
    sqlite_databases: SqliteDatabases, tmp_path: Path
) -> None:
    """The proof of the proof: with COMMITs put off the loop must find losses."""
    url = sqlite_databases.fresh(places.prepare)
    fleet, found = Fleet(7), list[str]()
    daemon = Daemon(tmp_path, url, program=(str(EARLY),))
    for kill in range(4):
        daemon.start()
        fleet.start(daemon.address)
        fleet.until(40 + kill)
        daemon.kill()
        fleet.join()
        found = fleet.findings(url)
        if found:
            break
    assert any("acknowledged" in finding for finding in found)
